import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createPool, createPoolOn, type PoolOptions } from '../../src/pool/index.ts'
import { Pool } from '../../src/pool/pool.ts'
import { realSys } from '../../src/sys.ts'
import type { Logger } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { failureOf, sleeper, watched } from '../support/children.ts'
import { fixture, get, newFile, newSpinner, next, until } from '../support/host.ts'
import { freePorts } from '../support/nginx.ts'

interface Answer {
  readonly source: string
  readonly pid: number
  readonly port: string
}

interface Stage {
  readonly spinner: Spinner
  readonly pool: Pool
  readonly options: PoolOptions
  readonly source: string
  readonly lines: string[]
  ask(index: number): Promise<Answer>
}

function newPool(changes: Partial<PoolOptions> = {}): Stage {
  const source = newFile('source.txt', 'one')
  const lines: string[] = []
  const note = (line: string): void => void lines.push(line)
  const logger: Logger = { info: note, warn: note, error: note, debug: note }
  const spinner = newSpinner({ logger })
  const options: PoolOptions = {
    name: 'app',
    size: 3,
    args: [fixture('says-source-gracefully.js')],
    env: { SOURCE: source },
    attempts: 1,
    ...changes,
  }
  const pool = createPool(spinner, options)
  const ask = async (index: number): Promise<Answer> =>
    JSON.parse(await get(pool.children[index]?.target ?? null))
  return { spinner, pool, options, source, lines, ask }
}

/** Options of children that cost little and do not listen. */
const SLEEPER = { ...sleeper('app'), name: 'app' }

const statesOf = (pool: Pool): string[] => pool.children.map((child) => child.state)
const pidsOf = (pool: Pool): (number | null)[] => pool.children.map((child) => child.pid)

/** Counts how many children of a pool did not serve at the same time, at most. */
function mostNotServing(pool: Pool): () => number {
  let most = 0
  for (const child of pool.children) {
    child.on('state', () => {
      most = Math.max(most, statesOf(pool).filter((state) => state !== 'started').length)
    })
  }
  return () => most
}

describe('a pool', () => {
  test('starts `size` children, names them in order, and stops them all', async () => {
    const { pool, spinner, ask } = newPool()
    expect(statesOf(pool)).toEqual(['stopped', 'stopped', 'stopped'])
    await pool.start()
    expect(Object.keys(spinner.list())).toEqual(['app-0', 'app-1', 'app-2'])
    expect(new Set((await Promise.all([0, 1, 2].map(ask))).map(({ pid }) => pid)).size).toBe(3)
    await pool.stop()
    expect(statesOf(pool)).toEqual(['stopped', 'stopped', 'stopped'])
  })

  test('gives its children consecutive ports, beginning with `port`', async () => {
    const { pool, ask } = newPool({ port: 28_411 })
    await pool.start()
    expect(pool.children.map((child) => child.address)).toEqual([28_411, 28_412, 28_413])
    expect((await ask(2)).port).toBe('28413')
  })

  test('has children that are never idle, unless `idleTimeSec` is given', () => {
    const idle = ({ pool }: Stage): unknown => pool.children[0]?.info().options.idleTimeSec
    expect(idle(newPool())).toBe(null)
    expect(idle(newPool({ idleTimeSec: 5 }))).toBe(5)
  })

  test('can have further options for each child, by its name', async () => {
    const spinner = newSpinner()
    const ofMember = (name: string) => ({ env: { [`OF_${name}`]: 'yes' } })
    const pool = new Pool(realSys, spinner, { ...SLEEPER, size: 2 }, ofMember)
    await pool.resize(3)
    const variables = pool.children.map((child) => child.info().options.env)
    expect(variables).toEqual([0, 1, 2].map((index) => expect.arrayContaining([`OF_app-${index}`])))
  })

  test('grows and shrinks, and starts no child before the pool itself is started', async () => {
    const { pool } = newPool(SLEEPER)
    await pool.resize(4)
    expect(statesOf(pool)).toEqual(['stopped', 'stopped', 'stopped', 'stopped'])
    await pool.start()
    const last = pool.children[3]
    await pool.resize(2)
    expect([pool.size, last?.state, statesOf(pool)]).toEqual([2, 'stopped', ['started', 'started']])
    await pool.resize(3)
    expect(statesOf(pool)).toEqual(['started', 'started', 'started'])
  })

  test('throws the error of the first child that does not come up, when all have settled', async () => {
    const { pool, source } = newPool()
    writeFileSync(source, 'broken')
    expect(await failureOf(pool.start())).toMatchObject({ code: 'ERR_SPINNER_EXITED', child: 'app-0' })
    expect(statesOf(pool)).toEqual(['faulted', 'faulted', 'faulted'])
  })

  test('starts a faulted child again when its `faultTimeout` has passed', async () => {
    const { clock, sys } = watched()
    const spinner = newSpinner({}, sys)
    const pool = createPoolOn(sys, spinner, { ...SLEEPER, size: 2, maxRestarts: 0, faultTimeout: 60 })
    await pool.start()
    const faulted = next(pool.children[1] as never, 'faulted')
    process.kill(pool.children[1]?.pid as number, 'SIGKILL')
    await faulted
    await until(() => pool.children[1]?.info().pid === null)
    await clock.advance(61)
    await until(() => pool.children[1]?.state === 'started')
    await pool.stop()
  })

  test('does not start a faulted child again after the pool was stopped', async () => {
    const { clock, sys } = watched()
    const spinner = newSpinner({}, sys)
    const pool = createPoolOn(sys, spinner, { ...SLEEPER, size: 1, maxRestarts: 0 })
    await pool.start()
    const faulted = next(pool.children[0] as never, 'faulted')
    process.kill(pool.children[0]?.pid as number, 'SIGKILL')
    await faulted
    await pool.stop()
    await clock.advance(120)
    expect(statesOf(pool)).toEqual(['stopped'])
    expect(clock.waiting).toBe(0)
  })

  test('fails in every method after the spinner was closed', async () => {
    const { pool, spinner } = newPool(SLEEPER)
    await pool.start()
    await spinner.close()
    expect(await failureOf(pool.start())).toMatchObject({ code: 'ERR_SPINNER_CLOSED' })
    expect(await failureOf(pool.resize(2))).toMatchObject({ code: 'ERR_SPINNER_CLOSED' })
    expect(await failureOf(pool.restart())).toMatchObject({ code: 'ERR_SPINNER_CLOSED' })
  })
})

describe('a rolling restart', () => {
  test('that the close of the spinner ends is not logged as a failure', async () => {
    const { lines, pool, spinner } = newPool(SLEEPER)
    await pool.start()
    const rolled = failureOf(pool.restart())
    await next(spinner, 'state')
    await spinner.close()
    expect(await rolled).toMatchObject({ code: 'ERR_SPINNER_CLOSED' })
    expect(lines.join('\n')).not.toContain('The rolling restart')
  })

  test('restarts one child after the other, so that at most one does not serve', async () => {
    const { pool, source, ask } = newPool()
    await pool.start()
    const before = pidsOf(pool)
    const notServing = mostNotServing(pool)
    writeFileSync(source, 'two')
    await pool.restart()
    expect(notServing()).toBe(1)
    expect(pidsOf(pool).filter((pid) => before.includes(pid))).toEqual([])
    expect(await Promise.all([0, 1, 2].map(ask))).toMatchObject([
      { source: 'two' },
      { source: 'two' },
      { source: 'two' },
    ])
  })

  test.each([
    ['up', 0, 1],
    ['down', 1, 0],
  ])(
    'passes ports from child to child if they move %s by less than the size of the pool',
    async (_way, from, to) => {
      const first = await freePorts(4)
      const { pool, options, ask } = newPool({ port: first + from })
      await pool.start()
      const notServing = mostNotServing(pool)
      pool.reconfigure({ ...options, port: first + to })
      await pool.restart()
      const ports = [0, 1, 2].map((index) => first + to + index)
      expect(pool.children.map((child) => child.address)).toEqual(ports)
      expect((await Promise.all([0, 1, 2].map(ask))).map(({ port }) => Number(port))).toEqual(ports)
      expect(notServing()).toBe(1)
    },
  )

  test('waits for the plugins before it restarts the next child', async () => {
    const { pool, spinner } = newPool(SLEEPER)
    await pool.start()
    const calls: string[] = []
    spinner.use({
      name: 'upstream',
      ready: async (child) => {
        await new Promise((resolve) => setImmediate(resolve))
        calls.push(`in ${child.name}`)
      },
      drain: (child) => void calls.push(`out ${child.name}`),
    })
    await pool.restart()
    expect(calls).toEqual(['out app-0', 'in app-0', 'out app-1', 'in app-1', 'out app-2', 'in app-2'])
  })

  for (const restartOrder of ['stop-first', 'start-first'] as const) {
    test(`ends at a version that does not come up, and the other children keep serving (${restartOrder})`, async () => {
      const { pool, source, ask, lines } = newPool({ restartOrder })
      await pool.start()
      const before = pidsOf(pool)
      writeFileSync(source, 'broken')
      const failure = await failureOf(pool.restart())
      expect(failure).toMatchObject({ code: 'ERR_SPINNER_EXITED', child: 'app-0' })
      expect(failure?.message).toContain("The rolling restart of pool 'app' stopped at 'app-0', after 0 of 3")
      expect(lines.at(-1)).toContain("[spinner] app: The rolling restart of pool 'app' stopped")
      const left = restartOrder === 'start-first' ? before : [null, ...before.slice(1)]
      expect(pidsOf(pool)).toEqual(left)
      expect((await ask(2)).source).toBe('one')
      writeFileSync(source, 'fixed')
      await pool.restart()
      expect(statesOf(pool)).toEqual(['started', 'started', 'started'])
    })
  }

  test('begins with the children that do not serve', async () => {
    const { pool, source } = newPool()
    await pool.start()
    writeFileSync(source, 'broken')
    await failureOf(pool.children[2]?.restart() ?? Promise.resolve())
    expect(statesOf(pool)).toEqual(['started', 'started', 'faulted'])
    const order: string[] = []
    for (const child of pool.children) child.on('state', (to) => to === 'started' && order.push(child.name))
    writeFileSync(source, 'fixed')
    await pool.restart()
    expect(order).toEqual(['app-2', 'app-0', 'app-1'])
  })

  test('happens once more for all calls during a restart', async () => {
    const { pool } = newPool({ ...SLEEPER, size: 2 })
    await pool.start()
    await Promise.all([pool.restart(), pool.restart(), pool.restart()])
    expect(pool.children.map((child) => child.info().restarts)).toEqual([2, 2])
  })

  test('ends when the pool is stopped', async () => {
    const { pool } = newPool(SLEEPER)
    await pool.start()
    const restart = failureOf(pool.restart())
    await pool.stop()
    expect(await restart).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
    expect(statesOf(pool)).toEqual(['stopped', 'stopped', 'stopped'])
  })

  test('leaves out a child that has left the pool meanwhile', async () => {
    const { pool } = newPool(SLEEPER)
    await pool.start()
    const last = pool.children[2]
    await Promise.all([pool.restart(), pool.resize(1)])
    expect([last?.state, statesOf(pool)]).toEqual(['stopped', ['started']])
  })

  test('of a pool that is not started starts it', async () => {
    const { pool } = newPool(SLEEPER)
    await pool.restart()
    expect(statesOf(pool)).toEqual(['started', 'started', 'started'])
  })

  test('happens when a file changes, instead of a restart of all children at once', async () => {
    const stage = newPool()
    stage.pool.reconfigure({ ...stage.options, monitor: stage.source })
    await stage.pool.start()
    const notServing = mostNotServing(stage.pool)
    writeFileSync(stage.source, 'two')
    await until(async () => {
      const answers = await Promise.all([0, 1, 2].map((index) => stage.ask(index).catch(() => null)))
      return answers.every((answer) => answer?.source === 'two')
    })
    expect(notServing()).toBe(1)
  })

  test('applies the options of `reconfigure`', async () => {
    const { pool, options, ask } = newPool({ size: 2 })
    await pool.start()
    pool.reconfigure({ ...options, env: { SOURCE: newFile('other.txt', 'other') } })
    expect((await ask(0)).source).toBe('one')
    await pool.restart()
    expect([(await ask(0)).source, (await ask(1)).source]).toEqual(['other', 'other'])
  })
})

describe('the options of a pool', () => {
  const invalid: [string, object, string][] = [
    ['a size of 0', { size: 0 }, '`size` must be an integer from 1 to 10000, but it is 0'],
    ['an infinite size', { size: Number.POSITIVE_INFINITY }, 'but it is Infinity'],
    ['an empty name', { name: '' }, '`name` must be a non-empty string'],
    [
      'ports above the last one',
      { port: 65_534, listen: undefined },
      '`port` must be at most 65533, so that each of 3 children gets a port',
    ],
    [
      'both `port` and `listen`',
      { port: 8_000, listen: 'port' },
      '`port` replaces `listen`; give only one of them',
    ],
    ['an option that no child has', { tiemout: 3 }, 'did you mean `timeout`?'],
  ]
  for (const [what, changes, message] of invalid) {
    test(`are rejected: ${what}`, () => {
      const spinner = newSpinner()
      const make = (): Pool => createPool(spinner, { ...SLEEPER, size: 3, ...changes } as PoolOptions)
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' }))
      expect(make).toThrow(message)
      expect(spinner.list()).toEqual({})
    })
  }

  test('are rejected if a child has one of the names', () => {
    const { spinner, options } = newPool()
    expect(() => createPool(spinner, options)).toThrow("a child 'app-0' already exists")
  })

  test('are rejected without a change of the child that has one of the names', () => {
    const spinner = newSpinner()
    spinner.define({ ...sleeper('app-1'), timeout: 7 })
    const make = (): Pool => createPool(spinner, { ...SLEEPER, size: 2 })
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' }))
    expect(make).toThrow("a child 'app-1' already exists")
    expect(Object.keys(spinner.list())).toEqual(['app-1'])
    expect(spinner.get('app-1')?.options.timeout).toBe(7)
  })

  test('leave a pool as it was if they are invalid', async () => {
    const { pool, options } = newPool(SLEEPER)
    expect(() => pool.reconfigure({ ...options, attempts: -1 })).toThrow('`attempts`')
    expect(await failureOf(pool.resize(-1))).toMatchObject({ code: 'ERR_SPINNER_INVALID_OPTION' })
    await pool.start()
    expect(pool.size).toBe(3)
  })
})
