import { describe, expect, test } from 'vitest'
import { FaultRetry } from '../../src/pool/retry.ts'
import { type Clock, MAX_DELAY_MS } from '../../src/sys.ts'
import type { Child } from '../../src/types/child.ts'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { sleeper, type Watched, watched } from '../support/children.ts'
import { newSpinner, next, until } from '../support/host.ts'

interface Stage extends Watched {
  readonly spinner: Spinner
  readonly retry: FaultRetry
  /** Returns a child that has started and then become faulted; no process of it is left. */
  faulted(more?: Partial<StartOptions>): Promise<{ readonly child: Child }>
}

interface StageOptions extends SpinnerOptions {
  readonly mustRun?: (child: Child) => boolean
  /** Wraps the clock of the retries. */
  readonly retryClock?: (clock: Clock) => Clock
}

function newStage({ mustRun = () => true, retryClock, ...options }: StageOptions = {}): Stage {
  const world = watched()
  const spinner = newSpinner({ idleTimeSec: -1, ...options }, world.sys)
  const retry = new FaultRetry(spinner, retryClock?.(world.clock) ?? world.clock, mustRun)
  const faulted = async (more: Partial<StartOptions> = {}): Promise<{ child: Child }> => {
    const child = spinner.start({ ...sleeper('web'), maxRestarts: 0, ...more })
    await child
    await crash(child)
    return { child }
  }
  return { ...world, spinner, retry, faulted }
}

/** Kills the process of a child that may not crash, and waits until the child is faulted and the process is gone. */
async function crash(child: Child): Promise<void> {
  const faulted = next(child, 'faulted')
  process.kill(child.pid as number, 'SIGKILL')
  await faulted
  await until(() => child.pid === null)
}

describe('a child that is faulted', () => {
  test('is started again when its `faultTimeout` has passed, and not before', async () => {
    const { clock, faulted } = newStage()
    const { child } = await faulted({ faultTimeout: 60 })
    await clock.advance(59.9)
    expect(child.state).toBe('faulted')
    await clock.advance(0.1)
    await until(() => child.state === 'started')
    expect(clock.waiting).toBe(0)
  })

  test('is started again as often as it fails', async () => {
    const { clock, faulted, pids } = newStage()
    const { child } = await faulted({ faultTimeout: 5 })
    for (const processes of [2, 3]) {
      // `faultTimeout`, and the pause that follows crashes in a row.
      await clock.advance(5 + 1)
      await until(() => child.state === 'started')
      expect(pids).toHaveLength(processes)
      await crash(child)
    }
  })

  test('is not started more than once a second, even with a `faultTimeout` of 0', async () => {
    const { clock, faulted } = newStage()
    const { child } = await faulted({ faultTimeout: 0 })
    await clock.advance(0.9)
    expect(child.state).toBe('faulted')
    await clock.advance(0.1)
    await until(() => child.state === 'started')
  })

  test('keeps its earlier crashes, because a retry is not the restart of a person', async () => {
    const { clock, spinner } = newStage()
    const options = { maxRestarts: 1, restartTolerance: 600, faultTimeout: 1 }
    const child = spinner.start({ ...sleeper('web'), ...options })
    await child
    const restarted = next(child, 'restarted')
    process.kill(child.pid as number, 'SIGKILL')
    await restarted
    await crash(child)
    const started = next(child, 'started')
    // `faultTimeout`, and the pause that follows crashes in a row.
    await clock.advance(1 + 1)
    await started
    await crash(child)
    expect(child.info()).toMatchObject({ state: 'faulted', crashes: 3 })
  })

  test('waits for all of a `faultTimeout` that is longer than the longest timer', async () => {
    const day = 86_400
    const { clock, faulted } = newStage({
      retryClock: (real) => ({
        now: real.now,
        date: real.date,
        setTimeout: (action, ms) => real.setTimeout(action, Math.min(ms, MAX_DELAY_MS)),
        clearTimeout: real.clearTimeout,
      }),
    })
    const { child } = await faulted({ faultTimeout: 30 * day })
    await clock.advance(29 * day)
    expect(child.state).toBe('faulted')
    await clock.advance(day)
    await until(() => child.state === 'started')
  })

  test('is not started before time by a timer that is early', async () => {
    const { clock, faulted } = newStage({
      retryClock: (real) => ({
        now: real.now,
        date: real.date,
        setTimeout: (action, ms) => real.setTimeout(action, ms > 1 ? ms - 0.5 : ms),
        clearTimeout: real.clearTimeout,
      }),
    })
    const { child } = await faulted({ faultTimeout: 2 })
    await clock.advance(2)
    await until(() => child.state === 'started')
  })

  test('is tried once more if it rejects the start, because its options have changed meanwhile', async () => {
    const { clock, faulted, spinner } = newStage()
    const { child } = await faulted({ faultTimeout: 60 })
    await spinner.stop('web')
    spinner.start({ ...sleeper('web'), maxRestarts: 0, faultTimeout: 60 })
    await child
    spinner.define({ ...sleeper('web'), maxRestarts: 0, faultTimeout: 5 })
    await crash(child)
    await clock.advance(59)
    expect(child.state).toBe('faulted')
    await clock.advance(6)
    await until(() => child.state === 'started')
  })

  test('is left alone if somebody has started it meanwhile', async () => {
    const { clock, faulted, pids } = newStage()
    const { child } = await faulted({ faultTimeout: 60 })
    await child.restart()
    expect(clock.waiting).toBe(0)
    await clock.advance(120)
    expect(pids).toHaveLength(2)
  })

  test('is left alone if it has been stopped meanwhile', async () => {
    const { clock, faulted } = newStage()
    const { child } = await faulted({ faultTimeout: 60 })
    await child.stop()
    expect(clock.waiting).toBe(0)
    await clock.advance(120)
    expect(child.state).toBe('stopped')
  })
})

test('a child whose start found no free slot is started again', async () => {
  const { clock, spinner } = newStage({ maxRunning: 1 })
  const lease = await spinner.acquire(sleeper('other'))
  const child = spinner.start({ ...sleeper('web'), timeout: 10, faultTimeout: 60 })
  await clock.advance(10)
  await until(() => child.state === 'stopped')
  expect(child.needsRetry).toBe(true)
  lease.release()
  await clock.advance(60)
  await until(() => child.state === 'started')
})

describe('nothing is retried', () => {
  test('that need not run', async () => {
    const { clock, faulted } = newStage({ mustRun: (child) => child.name !== 'web' })
    const { child } = await faulted({ faultTimeout: 1 })
    expect(clock.waiting).toBe(0)
    await clock.advance(10)
    expect(child.state).toBe('faulted')
  })

  test('that need not run any more when the wait is over', async () => {
    let mustRun = true
    const { clock, faulted } = newStage({ mustRun: () => mustRun })
    const { child } = await faulted({ faultTimeout: 1 })
    mustRun = false
    await clock.advance(10)
    expect(child.state).toBe('faulted')
  })

  test('after `close`', async () => {
    const { clock, faulted, retry } = newStage()
    const { child } = await faulted({ faultTimeout: 1 })
    retry.close()
    expect(clock.waiting).toBe(0)
    await child.restart()
    await crash(child)
    expect(clock.waiting).toBe(0)
    expect(child.state).toBe('faulted')
  })

  test('after `cancel`, until a child fails again', async () => {
    const { clock, faulted, retry } = newStage()
    const { child } = await faulted({ faultTimeout: 1 })
    retry.cancel()
    await clock.advance(10)
    expect(child.state).toBe('faulted')
    await child.restart()
    await crash(child)
    await clock.advance(1)
    await until(() => child.state === 'started')
  })

  test('while the spinner closes', async () => {
    const { clock, faulted, spinner } = newStage()
    const { child } = await faulted({ faultTimeout: 1 })
    await spinner.close()
    await clock.advance(10)
    expect(child.state).toBe('stopped')
  })
})
