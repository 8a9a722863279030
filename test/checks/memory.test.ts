import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { memory } from '../../src/checks/index.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { CheckInfo, Child } from '../../src/types/child.ts'
import type { Check } from '../../src/types/plugin.ts'
import { failureOf, sleeper, watched } from '../support/children.ts'
import { compiled } from '../support/compiled.ts'
import { newSpinner, next, until } from '../support/host.ts'
import { has } from '../support/needs.ts'

const found = (child: Child): CheckInfo => child.info().checks['memory'] as CheckInfo

/** One child whose memory is checked every five seconds, on a clock that stands still. */
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
  /** Lets one interval pass, and waits for what is found. */
  const sample = async (): Promise<CheckInfo> => {
    const before = found(child)
    // The next run is timed from the end of the last, which takes as long as it takes.
    await until(async () => {
      await world.clock.advance(1)
      return found(child) !== before
    }, 'a sample')
    return found(child)
  }
  return { ...world, spinner, child, errors, sample }
}

const linux = process.platform === 'linux' && has('cc')

describe.runIf(linux)('memory()', () => {
  const program = linux ? compiled('holds-memory.c') : ''
  const MB = 2 ** 20
  /** A shell that stays, and a program that it has started. */
  const wrapped = (megabytes: number): [string, ...string[]] => ['sh', '-c', `${program} ${megabytes}; true`]

  test('E20 H22 what a wrapper has started counts: it is restarted after `retries` samples in a row', async () => {
    const it = await checked([memory({ limit: '50MB', retries: 3 })], wrapped(64))
    for (const failures of [1, 2]) {
      expect(await it.sample()).toMatchObject({ failures, figures: { processes: 2 } })
      expect(found(it.child).figures?.['memory']).toBeGreaterThan(64 * MB)
    }
    expect(it.pids).toHaveLength(1)
    const restarted = next(it.child, 'restarted')
    await it.clock.advance(5.5)
    await restarted
    expect(it.pids).toHaveLength(2)
    expect(it.child.info()).toMatchObject({ restarts: 1, crashes: 0 })
    expect(it.child.info().reason).toMatch(
      /^check 'memory' failed: it holds 6\d.*MB of memory in 2 processes, and its limit is 50MB$/,
    )
  })

  test('below its limit a child is well, and its figures are shown', async () => {
    const it = await checked([memory({ limit: '200MB', retries: 1 })], wrapped(64))
    const { figures } = await it.sample()
    expect(figures).toEqual({ memory: expect.any(Number), processes: 2, cpu: 0 })
    expect(figures?.['memory']).toBeGreaterThan(64 * MB)
    expect(figures?.['memory']).toBeLessThan(80 * MB)
  })

  test('with `tree: false` the first process alone counts', async () => {
    const it = await checked([memory({ limit: '50MB', retries: 1, tree: false })], wrapped(64))
    const { figures } = await it.sample()
    expect(figures).toMatchObject({ processes: 1 })
    expect(figures?.['memory']).toBeLessThan(20 * MB)
  })

  test('H22 what forks share is counted once', async () => {
    const it = await checked([memory({ limit: '200MB', retries: 1 })], [program, '64', 'forks', '8'])
    for (let sample = 0; sample < 3; sample++) {
      const { failures, figures } = await it.sample()
      expect(failures).toBe(0)
      expect(figures).toMatchObject({ processes: 9 })
      expect(figures?.['memory']).toBeLessThan(100 * MB)
    }
    expect(it.pids).toHaveLength(1)
  })

  test('H22 where the system does not say what is shared, what each process holds counts', async () => {
    const refused = Object.assign(new Error('not yours'), { code: 'EACCES' })
    const readFile = (): Promise<never> => Promise.reject(refused)
    const fs = { ...realSys.fs, promises: { ...realSys.fs.promises, readFile } } as unknown as Sys['fs']
    const it = await checked([memory({ limit: '200MB', retries: 2 })], [program, '64', 'forks', '8'], { fs })
    const { failures, figures } = await it.sample()
    expect(failures).toBe(1)
    expect(figures?.['memory']).toBeGreaterThan(9 * 64 * MB)
  })

  test('H3 a daemon that left the group, and whose parent has ended, counts', async () => {
    const it = await checked([memory({ limit: '1GB' })], [program, '64', 'daemon'])
    const { figures } = await it.sample()
    expect(figures).toMatchObject({ processes: 2 })
    expect(figures?.['memory']).toBeGreaterThan(64 * MB)
  })

  test('a processor that is used shows in `cpu`, from the second sample on', async () => {
    const it = await checked([memory({ limit: '1GB' })], ['sh', '-c', 'echo it is held; while :; do :; done'])
    expect((await it.sample()).figures).toMatchObject({ cpu: 0 })
    const worked = async (): Promise<boolean> => ((await it.sample()).figures?.['cpu'] ?? 0) > 0
    await until(worked, 'work')
  })
})

/** The functions of `node:fs`, some of which do what the test says. */
const fsWith = (changes: object): Partial<Sys> => ({
  fs: { ...realSys.fs, ...changes } as unknown as Sys['fs'],
})

const failing = (code: string) => (): never => {
  throw Object.assign(new Error(`${code}: it failed`), { code })
}

/** A child that does nothing. A program that is just being replaced by another one has no memory. */
const quiet: [string, ...string[]] = ['sh', '-c', 'echo it is held; sleep 600; true']

describe.runIf(process.platform === 'linux')('the sampling of memory', () => {
  test('is one walk over /proc for all children that are due at about the same time', async () => {
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
      const before = children.map(found)
      walks = 0
      await clock.advance(5.5)
      await until(() => children.every((child, index) => found(child) !== before[index]), `round ${round}`)
      expect(walks).toBe(1)
    }
  })

  test('ends with the child: nothing is armed any more, and nothing is read', async () => {
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
    'H22 that meets %s with %s is no verdict, and there is one error until it works again',
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
          // The next run is timed from the end of the last, which takes as long as it takes.
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
      expect(it.errors).toEqual([expect.stringContaining("the check 'memory' cannot tell how it is: its")])
      expect(found(it.child)).toMatchObject({ failures: 1 })
      expect(await it.sample()).toMatchObject({ failures: 2 })
      await blindRounds(2)
      expect(it.errors).toHaveLength(2)
      expect(it.pids).toHaveLength(1)
    },
  )

  test('H22 that runs out of descriptors in its closer look is no verdict', async () => {
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

  test('H22 restarts nothing where the program that it needs is missing, and says so once', async () => {
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
