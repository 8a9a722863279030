import { describe, expect, test } from 'vitest'
import { Inconclusive } from '../../src/checks/verdict.ts'
import { deferred } from '../../src/promises.ts'
import type { Child } from '../../src/types/child.ts'
import type { Check } from '../../src/types/plugin.ts'
import { endPuppets, failureOf, sleeper, startedPuppet, watched } from '../support/children.ts'
import { newSpinner, next, until } from '../support/host.ts'

const check = (run: Check['run'], options: Partial<Check> = {}): Check => ({
  name: 'a',
  interval: 10,
  retries: 1,
  run,
  ...options,
})

describe('ChildInfo.checks', () => {
  test('shows each check from the start, then its last result, and is empty while the child is not started', async () => {
    const { clock, sys } = watched()
    const queue = check(async () => ({ queued: 3 }), { name: 'queue' })
    const odd = check(async () => {}, { name: '__proto__' })
    const child = newSpinner({ checks: [queue, odd] }, sys).start(sleeper('x'))
    expect(child.info().checks).toEqual({})
    await child
    const { checks } = child.info()
    expect(Object.keys(checks)).toEqual(['queue', '__proto__'])
    expect(checks['queue']).toEqual({ at: null, failures: 0, reason: null, figures: null })
    expect(Object.getPrototypeOf(checks)).toBeNull()
    expect(checks).toSatisfy(Object.isFrozen)
    await clock.advance(10)
    const { queue: after } = child.info().checks
    expect(after).toMatchObject({ at: new Date(clock.date()), failures: 0, figures: { queued: 3 } })
    await child.stop()
    expect(child.info().checks).toEqual({})
    expect(Object.getPrototypeOf(child.info().checks)).toBeNull()
  })

  test('is reset for each process', async () => {
    const { clock, sys } = watched()
    const child = newSpinner({ checks: [check(async () => ({ ran: 1 }))] }, sys).start(sleeper('x'))
    await child
    await clock.advance(10)
    expect(child.info().checks['a']).toMatchObject({ figures: { ran: 1 } })
    await child.restart()
    expect(child.info().checks['a']).toMatchObject({ at: null, figures: null })
  })

  test('is keyed by name, so two checks of a child with the same name are rejected', () => {
    const twice = [check(async () => {}), check(async () => {})]
    const rejection = expect.objectContaining({
      code: 'ERR_SPINNER_INVALID_OPTION',
      message: expect.stringContaining('with different names'),
    })
    expect(() => newSpinner({ checks: twice })).toThrow(rejection)
    expect(() => newSpinner().start({ ...sleeper('x'), checks: twice })).toThrow(rejection)
  })
})

describe('checks', () => {
  test('run only while the child is started', async () => {
    const states: string[] = []
    const counting = check(async (child) => void states.push(child.state), { interval: 1 })
    const { it } = await startedPuppet({ checks: [counting] })
    await it.clock.advance(2)
    expect(states).toEqual(['started', 'started'])
    it.opened = deferred<void>()
    const restarted = it.child.restart()
    await it.clock.advance(20)
    expect(it.child.state).toBe('restart')
    await it.clock.advance(11)
    await until(() => it.pids.length === 2)
    await it.up()
    await it.clock.advance(10)
    expect(it.child.state).toBe('restart')
    expect(states).toHaveLength(2)
    it.opened.resolve()
    await restarted
    await it.clock.advance(1)
    expect(states).toHaveLength(3)
    const stopped = it.child.stop()
    await it.clock.advance(20)
    expect(it.child.state).toBe('stopping')
    await it.clock.advance(11)
    await stopped
    await it.clock.advance(60)
    expect(states).toHaveLength(3)
    await endPuppets()
  })

  test('that are running when the child leaves `started` are aborted, and their results are ignored', async () => {
    const { clock, pids, sys } = watched()
    const run = deferred<void>()
    const signals: AbortSignal[] = []
    const hanging = check((_child, signal) => {
      signals.push(signal)
      return run.promise
    })
    const child = newSpinner({ checks: [hanging] }, sys).start(sleeper('x'))
    await child
    await clock.advance(60)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
    await child.restart()
    expect(signals[0]?.aborted).toBe(true)
    run.reject(new Error('too late'))
    await clock.advance(1)
    expect(pids).toHaveLength(2)
    expect(child.info().checks['a']).toMatchObject({ at: null, failures: 0 })
  })

  test('H21 do not count as use and do not delay idleness', async () => {
    const { clock, sys } = watched()
    let runs = 0
    const busy = check(async () => void runs++, { interval: 1 })
    const child = newSpinner({ checks: [busy], idleTimeSec: 60 }, sys).start(sleeper('x'))
    await child
    const stopped = next(child, 'stopped')
    await clock.advance(70)
    await stopped
    expect(runs).toBeGreaterThan(50)
    expect(child.info().reason).toContain('nobody used it')
  })

  test('that are inconclusive report it once until they have a result again, and restart nothing', async () => {
    const { clock, pids, sys } = watched()
    const sees = [false, false, true, false, false]
    const blind = check(async () => {
      if (!sees.shift()) throw new Inconclusive('it is dark')
    })
    const spinner = newSpinner({ checks: [blind] }, sys)
    const errors: string[] = []
    spinner.on('error', (child, error) => void errors.push(`${child.name}: ${error.message}`))
    await spinner.start(sleeper('x'))
    await clock.advance(25)
    const message = "x: 'x': the check 'a' has no result: it is dark."
    expect(errors).toEqual([expect.stringContaining(message)])
    await clock.advance(30)
    expect(errors).toHaveLength(2)
    expect(pids).toHaveLength(1)
  })

  test('keep their `this`, and their members are read once', async () => {
    const { clock, sys } = watched()
    class Counting {
      name = 'counting'
      interval = '5s'
      retries = 1
      ran = 0
      async run(child: Child): Promise<{ ran: number }> {
        expect(child.name).toBe('x')
        return { ran: ++this.ran }
      }
    }
    const counting = new Counting()
    const child = newSpinner({ checks: [counting] }, sys).start(sleeper('x'))
    counting.name = 'another'
    counting.interval = 'never'
    await child
    await clock.advance(10)
    expect(child.info().checks).toMatchObject({ counting: { figures: { ran: 2 } } })
  })

  test('end with the spinner', async () => {
    const { clock, sys } = watched()
    const spinner = newSpinner({ checks: [check(() => new Promise<void>(() => {}))] }, sys)
    await spinner.start(sleeper('x'))
    await clock.advance(20)
    expect(await failureOf(spinner.close())).toBeNull()
    expect(clock.waiting).toBe(0)
  })
})
