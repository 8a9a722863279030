import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { memory } from '../../src/checks/index.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { CheckInfo, Child } from '../../src/types/child.ts'
import type { Check } from '../../src/types/plugin.ts'
import { failureOf, sleeper, watched } from '../support/children.ts'
import { compiled } from '../support/compiled.ts'
import { newSpinner, next, until } from '../support/host.ts'
import { has } from '../support/needs.ts'

const resultOf = (child: Child): CheckInfo => child.info().checks['memory'] as CheckInfo

/** Starts a child with checks of its memory on a fake clock. */
async function checked(
  checks: readonly Check[],
  [command, ...args]: readonly [string, ...string[]],
  changes: Partial<Sys> = {},
) {
  const world = watched(changes)
  const spinner = newSpinner({ checks, idleTimeSec: -1 }, world.sys)
  const errors: string[] = []
  spinner.on('error', (_child, error) => void errors.push(error.message))
  const ready = { output: /it is held/ }
  const child = spinner.start({ name: 'x', command, args, listen: null, ready })
  await child
  /** Lets one interval pass, and waits for the next result. */
  const sample = async (): Promise<CheckInfo> => {
    const before = resultOf(child)
    // Advance step by step, because the interval begins at the end of the last run, whose duration is not known.
    await until(async () => {
      await world.clock.advance(1)
      return resultOf(child) !== before
    }, 'a sample')
    return resultOf(child)
  }
  return { ...world, spinner, child, errors, sample }
}

const linux = process.platform === 'linux' && has('cc')

describe.runIf(linux)('memory()', () => {
  const program = linux ? compiled('holds-memory.c') : ''
  const MB = 2 ** 20
  /** A shell that keeps running, and a program that it has started. */
  const wrapped = (megabytes: number): [string, ...string[]] => ['sh', '-c', `${program} ${megabytes}; true`]

  test('E20 H22 counts what a wrapper has started, and restarts the child after `retries` samples in a row', async () => {
    const it = await checked([memory({ limit: '50MB', retries: 3 })], wrapped(64))
    for (const failures of [1, 2]) {
      expect(await it.sample()).toMatchObject({ failures, figures: { processes: 2 } })
      expect(resultOf(it.child).figures?.['memory']).toBeGreaterThan(64 * MB)
    }
    expect(it.pids).toHaveLength(1)
    const restarted = next(it.child, 'restarted')
    await it.clock.advance(5.5)
    await restarted
    expect(it.pids).toHaveLength(2)
    expect(it.child.info()).toMatchObject({ restarts: 1, crashes: 0 })
    expect(it.child.info().reason).toMatch(
      /^check 'memory' failed: it uses 6\d.*MB of memory in 2 processes; the limit is 50MB$/,
    )
  })

  test('finds a child below its limit healthy, and shows its figures', async () => {
    const it = await checked([memory({ limit: '200MB', retries: 1 })], wrapped(64))
    const { figures } = await it.sample()
    expect(figures).toEqual({ memory: expect.any(Number), processes: 2, cpu: 0 })
    expect(figures?.['memory']).toBeGreaterThan(64 * MB)
    expect(figures?.['memory']).toBeLessThan(80 * MB)
  })

  test('counts only the first process with `tree: false`', async () => {
    const it = await checked([memory({ limit: '50MB', retries: 1, tree: false })], wrapped(64))
    const { figures } = await it.sample()
    expect(figures).toMatchObject({ processes: 1 })
    expect(figures?.['memory']).toBeLessThan(20 * MB)
  })

  test('H22 counts memory that forks share once', async () => {
    const it = await checked([memory({ limit: '200MB', retries: 1 })], [program, '64', 'forks', '8'])
    for (let sample = 0; sample < 3; sample++) {
      const { failures, figures } = await it.sample()
      expect(failures).toBe(0)
      expect(figures).toMatchObject({ processes: 9 })
      expect(figures?.['memory']).toBeLessThan(100 * MB)
    }
    expect(it.pids).toHaveLength(1)
  })

  test('H22 counts all memory of each process if the system does not show what is shared', async () => {
    const refused = Object.assign(new Error('not yours'), { code: 'EACCES' })
    const readFile = (): Promise<never> => Promise.reject(refused)
    const fs = { ...realSys.fs, promises: { ...realSys.fs.promises, readFile } } as unknown as Sys['fs']
    const it = await checked([memory({ limit: '200MB', retries: 2 })], [program, '64', 'forks', '8'], { fs })
    const { failures, figures } = await it.sample()
    expect(failures).toBe(1)
    expect(figures?.['memory']).toBeGreaterThan(9 * 64 * MB)
  })

  test('H3 counts a daemon that left the group and whose parent has exited', async () => {
    const it = await checked([memory({ limit: '1GB' })], [program, '64', 'daemon'])
    const { figures } = await it.sample()
    expect(figures).toMatchObject({ processes: 2 })
    expect(figures?.['memory']).toBeGreaterThan(64 * MB)
  })

  test('shows the use of the processor in `cpu` from the second sample on', async () => {
    const it = await checked([memory({ limit: '1GB' })], ['sh', '-c', 'echo it is held; while :; do :; done'])
    expect((await it.sample()).figures).toMatchObject({ cpu: 0 })
    const worked = async (): Promise<boolean> => ((await it.sample()).figures?.['cpu'] ?? 0) > 0
    await until(worked, 'work')
  })
})

/** Replaces some functions of `node:fs`. */
const fsWith = (changes: object): Partial<Sys> => ({
  fs: { ...realSys.fs, ...changes } as unknown as Sys['fs'],
})

const failing = (code: string) => (): never => {
  throw Object.assign(new Error(`${code}: it failed`), { code })
}

/** A child that does nothing. The shell does not exec, because a process has no memory for a moment while it does. */
const quiet: [string, ...string[]] = ['sh', '-c', 'echo it is held; sleep 600; true']

describe.runIf(process.platform === 'linux')('the sampling of memory', () => {
  test('takes one walk over /proc for all children that are due at about the same time', async () => {
    let walks = 0
    const readdirSync = (folder: string): string[] => {
      if (folder === '/proc') walks++
      return realSys.fs.readdirSync(folder)
    }
    const { clock, sys } = watched(fsWith({ readdirSync }))
    const spinner = newSpinner({ checks: [memory({ limit: '1GB' })], idleTimeSec: -1 }, sys)
    const children = ['a', 'b', 'c', 'd'].map((name) => spinner.start(sleeper(name)))
    await Promise.all(children)
    await clock.advance(0.4)
    const late = spinner.start(sleeper('late'))
    children.push(late)
    await late
    for (const round of [1, 2, 3]) {
      const before = children.map(resultOf)
      walks = 0
      await clock.advance(5.5)
      await until(() => children.every((child, index) => resultOf(child) !== before[index]), `round ${round}`)
      expect(walks).toBe(1)
    }
  })

  test('ends with the child and leaves no timer', async () => {
    const it = await checked([memory({ limit: '1GB' })], quiet)
    await it.clock.advance(5.2)
    expect(await failureOf(it.child.stop())).toBeNull()
    expect(it.clock.waiting).toBe(0)
    expect(it.errors).toEqual([])
  })

  test.each([
    ['readdirSync', 'EACCES'],
    ['readdirSync', 'EMFILE'],
    ['openSync', 'EMFILE'],
    ['openSync', 'EACCES'],
  ])(
    'H22 that fails in %s with %s does not count, and is one error until it works again',
    async (call, code) => {
      let fails = false
      let failed = 0
      const real = realSys.fs[call as 'openSync'] as (...given: unknown[]) => unknown
      const sometimes = (...given: unknown[]): unknown => {
        if (!fails || !String(given[0]).startsWith('/proc')) return real(...given)
        failed++
        return failing(code)()
      }
      const it = await checked([memory({ limit: 1, retries: 9 })], quiet, fsWith({ [call]: sometimes }))
      const blindRounds = async (rounds: number): Promise<void> => {
        fails = true
        for (let round = 0; round < rounds; round++) {
          const before = failed
          // Advance step by step, because the interval begins at the end of the last run, whose duration is not known.
          await until(async () => {
            await it.clock.advance(1)
            return failed > before
          })
        }
        await it.clock.advance(1)
        fails = false
      }
      expect(await it.sample()).toMatchObject({ failures: 1 })
      await blindRounds(3)
      expect(it.errors).toEqual([expect.stringContaining("the check 'memory' has no result: its")])
      expect(resultOf(it.child)).toMatchObject({ failures: 1 })
      expect(await it.sample()).toMatchObject({ failures: 2 })
      await blindRounds(2)
      expect(it.errors).toHaveLength(2)
      expect(it.pids).toHaveLength(1)
    },
  )

  test('H22 that runs out of descriptors while it reads shared memory does not count', async () => {
    const promises = { ...realSys.fs.promises, readFile: async () => failing('EMFILE')() }
    const it = await checked([memory({ limit: 1, retries: 1 })], quiet, fsWith({ promises }))
    await it.clock.advance(5.5)
    await until(() => it.errors.length > 0)
    expect(it.errors).toEqual([expect.stringContaining('its memory cannot be read (EMFILE)')])
    expect(it.pids).toHaveLength(1)
  })
})

describe('memory() on a system without /proc', () => {
  const elsewhere: Partial<Sys> = { platform: 'darwin' }

  test('asks pidusage for the first process', async () => {
    const it = await checked([memory({ limit: '500MB' })], quiet, elsewhere)
    const { figures } = await it.sample()
    expect(figures).toMatchObject({ processes: 1, cpu: expect.any(Number) })
    expect(figures?.['memory']).toBeGreaterThan(50_000)
  })

  test('H22 restarts nothing if the program that it needs is missing, and reports it once', async () => {
    const it = await checked([memory({ limit: 1, retries: 1 })], quiet, elsewhere)
    vi.stubEnv('PIDUSAGE_USE_PS', 'true')
    vi.stubEnv('PATH', '')
    onTestFinished(() => void vi.unstubAllEnvs())
    await it.clock.advance(5.5)
    await until(() => it.errors.length > 0)
    await it.clock.advance(12)
    expect(it.errors).toEqual([expect.stringContaining('spawn ps ENOENT')])
    expect(it.pids).toHaveLength(1)
  })
})
