import { describe, expect, test } from 'vitest'
import { realSys, type Sys } from '../../src/sys.ts'
import type { Child } from '../../src/types/child.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { sleeper, type Watched, watched } from '../support/children.ts'
import { newSpinner, next } from '../support/host.ts'

interface Idler extends Watched {
  readonly spinner: Spinner
  readonly child: Child
}

/** A started child that is idle after 80 s. */
async function idler(changes: Partial<Sys> = {}): Promise<{ it: Idler }> {
  const world = watched(changes)
  const spinner = newSpinner({ idleTimeSec: 80 }, world.sys)
  const child = spinner.start(sleeper('a'))
  await child
  return { it: { ...world, spinner, child } }
}

async function expectIdleWithin(it: Idler, seconds: number): Promise<void> {
  const stopped = next(it.child, 'stopped')
  await it.clock.advance(seconds)
  await stopped
  expect(it.child.state).toBe('stopped')
  expect(it.child.info().reason).toContain('80 s')
}

const USES: readonly (readonly [string, (it: Idler) => unknown])[] = [
  ['child.touch()', ({ child }) => child.touch()],
  ['spinner.touch()', ({ spinner }) => spinner.touch('a')],
  ['start()', ({ spinner }) => spinner.start('a')],
  ['acquire()', ({ spinner }) => spinner.acquire('a').then((lease) => lease.release())],
]

test('a child that nobody uses is stopped after `idleTimeSec`, and never before', async () => {
  const { it } = await idler()
  await it.clock.advance(79)
  expect(it.child.state).toBe('started')
  await expectIdleWithin(it, 11)
})

test.each(USES)('%s restarts the idle clock', async (_how, use) => {
  const { it } = await idler()
  await it.clock.advance(60)
  await use(it)
  await it.clock.advance(75)
  expect(it.child.state).toBe('started')
  await expectIdleWithin(it, 25)
})

test.each(USES)('%s in the turn of the idle decision keeps the child', async (_how, use) => {
  let decided = 0
  let decide: (() => void) | null = null
  const nextTurn = (): Promise<void> => {
    decide?.()
    return realSys.nextTurn()
  }
  const { it } = await idler({ nextTurn })
  await realSys.nextTurn()
  decide = () => {
    if (decided++ === 0) void use(it)
  }
  await it.clock.advance(85)
  expect(decided).toBe(1)
  expect(it.child.state).toBe('started')
  expect(it.pids).toHaveLength(1)
})

describe('a lease', () => {
  test('keeps the child for as long as it is held, and its release restarts the idle clock', async () => {
    const { it } = await idler()
    const lease = await it.spinner.acquire('a')
    await it.clock.advance(1_000)
    expect(it.child.state).toBe('started')
    lease.release()
    await it.clock.advance(75)
    expect(it.child.state).toBe('started')
    await expectIdleWithin(it, 25)
  })

  test('that is released twice is released once', async () => {
    const { it } = await idler()
    const [first, second] = [await it.spinner.acquire('a'), await it.child.acquire()]
    first.release()
    first.release()
    expect(it.child.info().leases).toBe(1)
    await it.clock.advance(1_000)
    expect(it.child.state).toBe('started')
    second.release()
    expect(it.child.info().leases).toBe(0)
  })

  test('is released at the end of its block', async () => {
    const { it } = await idler()
    {
      await using lease = await it.spinner.acquire('a')
      expect(lease.address).toBeNull()
      expect(it.child.info().leases).toBe(1)
    }
    expect(it.child.info().leases).toBe(0)
  })
})

test('`idleAt` says when it would be stopped, and nothing while it is held or not started', async () => {
  const { it } = await idler()
  const begun = it.clock.date()
  const idleAt = (): number | undefined => it.child.info().idleAt?.getTime()
  expect(idleAt()).toBe(begun + 80_000)
  await it.clock.advance(35)
  expect(idleAt()).toBe(begun + 80_000)
  it.child.touch()
  await it.clock.advance(5)
  expect(idleAt()).toBe(begun + 120_000)
  const lease = await it.child.acquire()
  expect(it.child.info().idleAt).toBeNull()
  lease.release()
  await it.child.stop()
  expect(it.child.info().idleAt).toBeNull()
})

test.each([-1, null, Number.POSITIVE_INFINITY])(
  'with `idleTimeSec: %s` it is never stopped',
  async (idleTimeSec) => {
    const { sys, clock } = watched()
    const child = newSpinner({ idleTimeSec }, sys).start(sleeper('a'))
    await child
    expect(clock.waiting).toBe(0)
    await clock.advance(10 * 365 * 86_400)
    expect(child.state).toBe('started')
  },
)

test('H18 an idle time beyond what a timer takes does not stop the child at once', async () => {
  const { sys, clock } = watched()
  const child = newSpinner({ idleTimeSec: 2 ** 31 / 1_000 + 1 }, sys).start(sleeper('a'))
  await child
  await clock.advance(3_600)
  expect(child.state).toBe('started')
})

test('a hundred idle children share one timer, and there is none when none is started', async () => {
  const { sys, clock } = watched()
  const spinner = newSpinner({ idleTimeSec: 80 }, sys)
  expect(clock.waiting).toBe(0)
  await Promise.all(Array.from({ length: 100 }, (_, index) => spinner.start(sleeper(String(index)))))
  expect(clock.waiting).toBe(1)
  await spinner.stopAll()
  expect(clock.waiting).toBe(0)
})

test.each([1, -1])('H19 the wall clock jumping by %s day changes nothing', async (days) => {
  const { it } = await idler()
  const { date } = it.clock
  it.clock.date = () => date() + days * 86_400_000
  await it.clock.advance(79)
  expect(it.child.state).toBe('started')
  it.clock.date = date
  await expectIdleWithin(it, 11)
})
