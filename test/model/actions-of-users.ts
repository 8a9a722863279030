import type { Callback as SpinnerCallback } from '../../src/types/spinner.ts'
import type { Actions } from './actions.ts'
import { failed, ok } from './reference-waits.ts'
import type { Callback } from './stage.ts'
import { ABORTED } from './words.ts'

type ByUsers = 'start' | 'stop' | 'restart' | 'acquire' | 'release' | 'abort' | 'await' | 'touch' | 'close'

/** The commands that users give. */
export const byUsers: Actions<ByUsers> = {
  start(stage, { callback, child, options, signal }) {
    const name = stage.nameOf(child)
    const { closing, children } = stage.reference
    const isNew = !children.has(name)
    const wanted = { ...stage.optionsOf(child), ...options }
    const given = options || isNew ? stage.given(child, wanted) : { name }
    const expected = callback
      ? stage.followCallback(`start of ${name}`, (done: Callback) => {
          stage.spinner.start(
            options || isNew ? given : name,
            done as SpinnerCallback<unknown> as SpinnerCallback<number | string | null>,
          )
        })
      : stage.follow(`start of ${name}`, signal, (ends) =>
          stage.spinner.start(ends ? { ...given, signal: ends } : given),
        )
    if (closing) return stage.reference.end(expected, failed('CLOSED'))
    const it = stage.known(child, wanted)
    if (options || isNew) it.options = wanted
    if (!callback && signal === 'aborted') return it.waits.end(expected, 'aborted')
    it.askStart()
    it.waits.untilReady(expected)
  },

  stop(stage, { by, child, signal }) {
    const name = stage.nameOf(child)
    const { spinner } = stage
    const handle = spinner.child(name)
    if (by === 'handle' && !handle) return
    const expected =
      by === 'callback'
        ? stage.followCallback(
            `stop of ${name}`,
            (done) => void spinner.stop(name, done as SpinnerCallback<void>),
          )
        : stage.follow(`stop of ${name}`, signal, (ends) => {
            const options = ends ? { signal: ends } : {}
            return by === 'handle' && handle ? handle.stop(options) : spinner.stop(name, options)
          })
    const it = stage.reference.children.get(name)
    if (by !== 'handle' && stage.reference.closing) return stage.reference.end(expected, failed('CLOSED'))
    if (!it) return stage.reference.end(expected, ok(undefined))
    if (it.state !== 'stopped' && stage.reference.disposed)
      return stage.reference.end(expected, failed('CLOSED'))
    if (by !== 'callback' && signal === 'aborted' && it.state !== 'stopped') it.waits.end(expected, 'aborted')
    it.askStop(expected)
  },

  restart(stage, { by, child, signal }) {
    const name = stage.nameOf(child)
    const { spinner } = stage
    const handle = spinner.child(name)
    if (by === 'handle' && !handle) return
    const expected =
      by === 'callback'
        ? stage.followCallback(`restart of ${name}`, (done) => {
            void spinner.restart(
              name,
              done as SpinnerCallback<unknown> as SpinnerCallback<number | string | null>,
            )
          })
        : stage.follow(`restart of ${name}`, signal, (ends) => {
            const options = ends ? { signal: ends } : {}
            return by === 'handle' && handle ? handle.restart(options) : spinner.restart(name, options)
          })
    const it = stage.reference.children.get(name)
    if (stage.reference.closing) return stage.reference.end(expected, failed('CLOSED'))
    if (!it) return stage.reference.end(expected, failed('NOT_FOUND'))
    it.askRestart(expected)
    if (by !== 'callback' && signal === 'aborted') it.waits.end(expected, 'aborted')
  },

  acquire(stage, { by, child, signal }) {
    const name = stage.nameOf(child)
    const handle = stage.spinner.child(name)
    if (by === 'handle' && !handle) return
    const wanted = stage.optionsOf(child)
    const leased = stage.reference.closing ? null : stage.known(child, wanted)
    const expected = stage.follow(
      `acquire of ${name}`,
      signal,
      (ends) => {
        const options = ends ? { signal: ends } : {}
        if (by === 'handle' && handle) return handle.acquire(options)
        return stage.spinner.acquire(handle ? name : stage.given(child, wanted), options)
      },
      leased,
    )
    if (!leased) return stage.reference.end(expected, failed('CLOSED'))
    stage.known(child)
    stage.reference.acquire(leased, expected, signal === 'aborted')
  },

  release(stage, { which }) {
    const held = stage.waits.filter(({ lease }) => lease !== null)
    const observed = held[which % held.length]
    if (!observed?.leased) return
    observed.lease?.release()
    observed.lease?.release()
    observed.lease = null
    stage.reference.letGo(observed.leased)
  },

  abort(stage, { which }) {
    const open = stage.waits.filter(({ controller, expected }) => controller && expected.result === null)
    const observed = open[which % open.length]
    if (!observed) return
    observed.controller?.abort(ABORTED)
    observed.expected.result = 'aborted'
    observed.expected.onResult?.('aborted')
  },

  await(stage, { child }) {
    const name = stage.nameOf(child)
    const handle = stage.spinner.child(name)
    if (!handle) return
    const expected = stage.follow(`await of ${name}`, 'none', () => handle.then((address) => address))
    stage.reference.children.get(name)?.waits.untilReady(expected)
  },

  touch(stage, { child }) {
    const name = stage.nameOf(child)
    stage.spinner.touch(name)
    const it = stage.reference.children.get(name)
    if (it) it.used = true
  },

  close(stage) {
    stage.world.closed = true
    stage.reference.close(stage.follow('close', 'none', () => stage.spinner.close()))
  },
}
