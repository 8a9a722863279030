import { describe, expect, test } from 'vitest'
import { membersOf } from '../../src/process/group.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { failureOf, lives, watched } from '../support/children.ts'
import { newSpinner, next } from '../support/host.ts'

const UP = { listen: null, ready: { output: /up/ } } as const
const DEAF = { name: 'x', command: 'sh', args: ['-c', "trap '' TERM; echo up; sleep 600; :"], ...UP }
const OBEDIENT = {
  name: 'x',
  command: 'sh',
  args: ['-c', "trap 'echo saved; exit 0' TERM; echo up; while :; do sleep 0.01; done"],
  ...UP,
}

/** Until a whole group has really ended, without a turn of the loop. */
function standStillUntilDead(group: number): void {
  const deadline = Date.now() + 10_000
  while (membersOf(realSys, group).length > 0 && Date.now() < deadline);
}

/** A host whose loop stands still for six seconds at the first kill, while what was killed ends. */
function heldUpAtKill(): { sys: Sys; clock: ReturnType<typeof watched>['clock'] } {
  let isHeldUp = false
  const kill: Sys['kill'] = (target, signal) => {
    realSys.kill(target, signal)
    if (signal !== 'SIGKILL' || isHeldUp) return
    isHeldUp = true
    queueMicrotask(() => {
      standStillUntilDead(Math.abs(target))
      clock.jump(6)
    })
  }
  const { sys, clock } = watched({ kill })
  return { sys, clock }
}

describe('where the host was held up', () => {
  test('what its kill has ended is not taken for alive', async () => {
    const { sys, clock } = heldUpAtKill()
    const child = newSpinner({}, sys).start(DEAF)
    await child
    const stop = child.stop()
    await clock.advance(31)
    expect(await failureOf(stop)).toBeNull()
    expect(child.state).toBe('stopped')
  })

  test('a restart goes on when what was there before has ended', async () => {
    const { sys, clock } = heldUpAtKill()
    const child = newSpinner({}, sys).start(DEAF)
    await child
    const restarted = next(child, 'restarted')
    const restart = child.restart()
    await clock.advance(31)
    expect(await failureOf(restart)).toBeNull()
    await restarted
    const stop = child.stop()
    await clock.advance(31)
    await stop
  })

  test('a child has its whole `stopTimeout` from the stop signal on', async () => {
    const signals: unknown[] = []
    const kill: Sys['kill'] = (target, signal) => {
      if (signal !== 0) signals.push(signal)
      realSys.kill(target, signal)
    }
    const { sys, clock } = watched({ kill })
    const lines: string[] = []
    const child = newSpinner({ stopTimeout: 10 }, sys).start(OBEDIENT)
    child.on('output', (_stream, line) => void lines.push(line))
    await child
    const stop = child.stop()
    clock.jump(11)
    await stop
    expect(lines).toContain('saved')
    expect(signals).toEqual(['SIGTERM', 'SIGCONT'])
  })

  test('a child that ignores the stop signal is killed when its time is up, counted from the signal', async () => {
    const { sys, clock } = watched()
    const child = newSpinner({ stopTimeout: 10 }, sys).start(DEAF)
    await child
    const pid = child.pid as number
    const stop = child.stop()
    clock.jump(11)
    await clock.advance(9)
    expect(lives(pid)).toBe(true)
    await clock.advance(1)
    await stop
    expect(lives(pid)).toBe(false)
  })
})
