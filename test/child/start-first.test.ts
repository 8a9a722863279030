import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Child } from '../../src/types/child.ts'
import { failureOf, lives, sleeper } from '../support/children.ts'
import { get, newSpinner, next, until } from '../support/host.ts'
import { askingDuring, heldBack, SAYS_UP, serving, socketsOf } from '../support/start-first.ts'

describe('a restart that starts first', () => {
  test('never refuses anybody: each request during ten of them is answered', async () => {
    const stage = await serving()
    const outcome = await askingDuring(stage, async () => {
      for (let version = 0; version < 10; version++) {
        writeFileSync(stage.source, `version ${version}`)
        await stage.child.restart()
        expect((await stage.ask()).source).toBe(`version ${version}`)
      }
    })
    expect(outcome.failed).toEqual([])
    expect(outcome.sources.size).toBeGreaterThan(5)
  })

  test('keeps the address, gives each process a path of its own, and leaves one socket', async () => {
    const stage = await serving()
    const address = stage.child.address
    const first = await stage.ask()
    await stage.child.restart()
    const second = await stage.ask()
    expect(stage.child.address).toBe(address)
    expect(stage.child.info()).toMatchObject({ address, pid: second.pid, restarts: 1, verified: true })
    expect(new Set([address, first.port, second.port]).size).toBe(3)
    expect(lives(first.pid)).toBe(false)
    expect(socketsOf(stage)).toEqual([path.basename(address as string)])
    expect(stage.states).toEqual(['restart', 'started'])
  })

  test('serves all the while: who asks for the child meanwhile does not wait', async () => {
    const gate = heldBack()
    const stage = await serving({ ready: gate.ready })
    const old = await stage.ask()
    gate.close()
    const restart = stage.child.restart()
    expect(stage.child.state).toBe('restart')
    expect(await stage.spinner.start('app')).toBe(stage.child.address)
    const lease = await stage.spinner.acquire('app')
    expect((await stage.ask()).pid).toBe(old.pid)
    expect(stage.child.pid).toBe(old.pid)
    gate.open()
    expect(await restart).toBe(stage.child.address)
    expect((await stage.ask()).pid).not.toBe(old.pid)
    lease.release()
  })

  test('lets a request that is under way at the old process finish', async () => {
    const stage = await serving()
    const old = await stage.ask()
    const slow = stage.ask('/slow')
    await until(async () => (await stage.ask()).pid === old.pid)
    await stage.child.restart()
    expect((await slow).pid).toBe(old.pid)
  })

  test('shows plugins the new process before it drains the old one, and never says that all is gone', async () => {
    const stage = await serving()
    const calls: string[] = []
    const seen = async (call: string): Promise<void> => {
      calls.push(`${call} ${(await stage.ask()).source}`)
    }
    const leave = stage.spinner.use({
      name: 'witness',
      ready: () => seen('ready'),
      drain: (_child, reason) => seen(`drain (${reason})`),
      gone: () => void calls.push('gone'),
    })
    writeFileSync(stage.source, 'two')
    await stage.child.restart()
    expect(calls).toEqual(['ready two', 'drain (a restart was asked for) two'])
    leave()
  })

  test('happens when a file changes, too', async () => {
    const stage = await serving()
    stage.spinner.start({ ...stage.options, monitor: stage.source })
    await stage.child.restart()
    const outcome = await askingDuring(stage, async () => {
      const restarted = next(stage.child, 'restarted')
      writeFileSync(stage.source, 'two')
      await restarted
    })
    expect(outcome.failed).toEqual([])
    expect((await stage.ask()).source).toBe('two')
  })

  test('happens when a check fails, too', async () => {
    let well = true
    const run = async (): Promise<void> => {
      if (!well) throw new Error('it is not well')
    }
    const stage = await serving({ checks: [{ name: 'mood', interval: 0.01, retries: 1, run }] })
    const old = await stage.ask()
    const outcome = await askingDuring(stage, async () => {
      const restarted = next(stage.child, 'restarted')
      stage.child.once('state', () => {
        well = true
      })
      well = false
      await restarted
    })
    expect(outcome.failed).toEqual([])
    expect((await stage.ask()).pid).not.toBe(old.pid)
  })
})

describe('H42: a new version that does not come up', () => {
  test('leaves the old one serving, and says why', async () => {
    const stage = await serving({ attempts: 2 })
    const old = await stage.ask()
    writeFileSync(stage.source, 'broken')
    let failure: (Error & { code?: string }) | null = null
    const outcome = await askingDuring(stage, async () => {
      failure = await failureOf(stage.child.restart())
    })
    expect(failure).toMatchObject({
      code: 'ERR_SPINNER_EXITED',
      child: 'app',
      attempts: 2,
      message: expect.stringMatching(
        /^The new process of 'app' did not start, so the old one stays: .*the source is broken/s,
      ),
    })
    expect(outcome.failed).toEqual([])
    expect([...outcome.sources]).toEqual(['one'])
    expect(stage.states).toEqual(['restart', 'started'])
    await until(() => stage.errors.length === 1)
    expect(stage.errors).toEqual([failure])
    expect(stage.child.info()).toMatchObject({
      pid: old.pid,
      state: 'started',
      restarts: 0,
      lastError: failure,
    })
    expect(await stage.child).toBe(stage.child.address)
    expect(socketsOf(stage)).toHaveLength(1)
  })

  test('is reported once, and not again with a later transition', async () => {
    const stage = await serving()
    writeFileSync(stage.source, 'broken')
    const failure = await failureOf(stage.child.restart())
    await stage.child.stop()
    expect(stage.states).toEqual(['restart', 'started', 'stopping', 'stopped'])
    expect(stage.errors).toEqual([failure])
  })

  test('is tried again when it is mended', async () => {
    const stage = await serving()
    stage.spinner.start({ ...stage.options, monitor: stage.source })
    await stage.child.restart()
    const failed = next(stage.child, 'error')
    writeFileSync(stage.source, 'broken')
    await failed
    expect((await stage.ask()).source).toBe('one')
    const restarted = next(stage.child, 'restarted')
    writeFileSync(stage.source, 'mended')
    await restarted
    expect((await stage.ask()).source).toBe('mended')
  })

  test('is one, too, when it comes up and never listens', async () => {
    const stage = await serving()
    writeFileSync(stage.source, 'silent')
    stage.spinner.start({ ...stage.options, timeout: 0.5 })
    expect(await failureOf(stage.child.restart())).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
    expect((await stage.ask()).source).toBe('one')
  })

  test('is one, too, when it says that it is ready and does not listen', async () => {
    const stage = await serving({ ready: { output: /up/ }, args: ['-e', SAYS_UP] })
    stage.spinner.start({
      ...stage.options,
      timeout: 0.5,
      args: ['-e', "console.log('up'); setInterval(() => {}, 1e3)"],
    })
    expect(await failureOf(stage.child.restart())).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
    expect(await get(stage.child.target)).toBe('up')
  })

  test('leaves the old one its crashes: it is restarted as ever when it ends afterwards', async () => {
    const stage = await serving()
    writeFileSync(stage.source, 'broken')
    await failureOf(stage.child.restart())
    writeFileSync(stage.source, 'mended')
    const restarted = next(stage.child, 'restarted')
    await failureOf(stage.ask('/crash'))
    await restarted
    expect((await stage.ask()).source).toBe('mended')
  })
})

describe('what happens while one process takes the place of another', () => {
  test('a stop ends both, and removes their sockets', async () => {
    const gate = heldBack()
    const stage = await serving({ ready: gate.ready })
    const old = await stage.ask()
    gate.close()
    const restart = failureOf(stage.child.restart())
    const young = await gate.pid()
    await stage.child.stop()
    expect(await restart).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
    expect([old.pid, young].map(lives)).toEqual([false, false])
    expect(socketsOf(stage)).toEqual([])
    gate.open()
  })

  test('a change begins it anew with what is there now, and the old one serves on', async () => {
    const gate = heldBack()
    const stage = await serving({ ready: gate.ready })
    stage.spinner.start({ ...stage.options, monitor: stage.source })
    await stage.child.restart()
    gate.close()
    writeFileSync(stage.source, 'two')
    const young = await gate.pid()
    writeFileSync(stage.source, 'three')
    await until(() => !lives(young), 'the end of the one that has read the second version')
    expect((await stage.ask()).source).toBe('one')
    const restarted = next(stage.child, 'restarted')
    gate.open()
    await restarted
    expect((await stage.ask()).source).toBe('three')
  })

  test('a change while the old one is drained is not lost', async () => {
    const stage = await serving()
    stage.spinner.start({ ...stage.options, monitor: stage.source })
    await stage.child.restart()
    const witness = newSpinner().start({ ...sleeper('witness'), monitor: stage.source })
    await witness
    let drains = 0
    const changedInDrain = async (child: Child): Promise<void> => {
      if (child !== stage.child || drains++ > 0) return
      const seen = next(witness, 'restarted')
      writeFileSync(stage.source, 'three')
      await seen
    }
    const leave = stage.spinner.use({ name: 'slow', drain: changedInDrain })
    writeFileSync(stage.source, 'two')
    await until(async () => (await stage.ask()).source === 'three', 'the third version')
    expect(drains).toBeGreaterThan(0)
    leave()
  })

  test('the end of the old one brings the child up as after any crash', async () => {
    const gate = heldBack()
    const stage = await serving({ ready: gate.ready })
    const old = await stage.ask()
    gate.close()
    const restart = stage.child.restart()
    await gate.pid()
    await failureOf(stage.ask('/crash'))
    await until(() => stage.child.info().crashes === 1)
    gate.open()
    await restart
    expect((await stage.ask()).pid).not.toBe(old.pid)
    expect(stage.child.info()).toMatchObject({ state: 'started', crashes: 1 })
  })

  test('the end of the new one while the old one is drained is a crash, and leaves no process', async () => {
    const stage = await serving({ maxRestarts: 3 })
    const old = await stage.ask()
    let young = 0
    const leave = stage.spinner.use({
      name: 'slow',
      drain: async () => {
        if (young !== 0) return
        young = (await stage.ask()).pid
        await failureOf(stage.ask('/crash'))
        await until(() => !lives(young))
      },
    })
    await stage.child.restart()
    const now = await stage.ask()
    expect([old.pid, young].map(lives)).toEqual([false, false])
    expect(stage.child.info()).toMatchObject({ state: 'started', pid: now.pid, crashes: 1 })
    leave()
  })

  test('the host may close: nothing is left', async () => {
    const gate = heldBack()
    const stage = await serving({ ready: gate.ready })
    const old = await stage.ask()
    gate.close()
    const restart = failureOf(stage.child.restart())
    const young = await gate.pid()
    await stage.spinner.close()
    expect(await restart).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
    expect([old.pid, young].map(lives)).toEqual([false, false])
  })
})

describe('where it is not possible', () => {
  test('the option is refused: a port cannot be shared', () => {
    const spinner = newSpinner()
    expect(() => spinner.start({ script: 'a', listen: 'port', restartOrder: 'start-first' })).toThrow(
      "`restartOrder` 'start-first' needs `listen: 'socket'`",
    )
  })

  test('a child that did not bind a path of its own is stopped first, once', async () => {
    const stage = await serving({ restartOrder: 'stop-first' })
    stage.spinner.start({ ...stage.options, restartOrder: 'start-first' })
    const first = await stage.ask()
    expect(first.port).toBe(stage.child.address)
    await stage.child.restart()
    const second = await stage.ask()
    const outcome = await askingDuring(stage, () => stage.child.restart())
    expect(outcome.failed).toEqual([])
    expect([first.pid, second.pid].map(lives)).toEqual([false, false])
  })
})
