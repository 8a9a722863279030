import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type CommandOptions, command } from '../../src/checks/index.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { failureOf, lives, sleeper, watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, newFolder, newSpinner, next, until } from '../support/host.ts'
import * as hosts from '../support/hosts.ts'
import { install } from '../support/installed.ts'

const shell = (script: string, options: Partial<CommandOptions> = {}): CommandOptions => ({
  command: 'sh',
  args: ['-c', script],
  ...options,
})

/** Starts a child, and runs checks on it once. */
async function startedChild(options: Partial<StartOptions> = {}, sys: Sys = realSys) {
  const child = newSpinner({}, sys).start({ ...sleeper('x'), ...options })
  await child
  const aborter = new AbortController()
  const run = (given: CommandOptions): Promise<unknown> =>
    Promise.resolve(command(given).run(child, aborter.signal))
  const reasonOf = async (given: CommandOptions): Promise<string> =>
    (await failureOf(run(given)))?.message ?? 'healthy'
  return { child, reasonOf }
}

/** Reads the pids that commands write into a file. */
function pidsIn(folder: string) {
  const file = path.join(folder, 'pids')
  const read = (): number[] => {
    try {
      return realSys.fs.readFileSync(file, 'utf8').trim().split('\n').map(Number)
    } catch {
      return []
    }
  }
  return { file, read, waitFor: (count: number) => until(() => (read().length >= count ? read() : null)) }
}

/** Writes its own pid and that of a process in the background, and keeps running. */
const staying = (file: string): string => `sleep 600 & echo $! >>"${file}"; echo $$ >>"${file}"; wait`

describe('command()', () => {
  test.each([
    ['exit 0', 'healthy'],
    ['echo fine; echo odd >&2', 'healthy'],
    ['exit 3', "'sh' exited with code 3"],
    ['echo first >&2; echo last >&2; echo "" >&2; exit 4', "'sh' exited with code 4: last"],
    ['kill -KILL $$', "'sh' was terminated by SIGKILL"],
  ])('that runs %j has the result: %s', async (script, reason) => {
    const { reasonOf } = await startedChild()
    expect(await reasonOf(shell(script))).toBe(reason)
  })

  test('does not use a shell', async () => {
    const { reasonOf } = await startedChild()
    expect(await reasonOf({ command: 'test', args: ['$HOME; true', '=', '$HOME; true'] })).toBe('healthy')
  })

  test("has the child's address, environment and working directory, and variables of its own", async () => {
    const cwd = newFolder()
    const options: Partial<StartOptions> = {
      script: fixture('hello.js'),
      command: process.execPath,
      args: [],
      listen: 'socket',
      cwd,
      env: { OF: 'child', BOTH: 'child' },
    }
    const { child, reasonOf } = await startedChild(options)
    const script = 'echo "$PORT $port $OF $BOTH $(pwd -P)" >&2; exit 1'
    const output = `${child.address} ${child.address} child check ${realSys.fs.realpathSync(cwd)}`
    expect(await reasonOf(shell(script, { env: { BOTH: 'check', PORT: 'mine' } }))).toBe(
      `'sh' exited with code 1: ${output}`,
    )
  })

  test('is killed with all processes that it has started if it takes too long', async () => {
    const pids = pidsIn(newFolder())
    const { clock, sys } = watched()
    const { reasonOf } = await startedChild({}, sys)
    const asking = reasonOf(shell(`trap '' TERM; ${staying(pids.file)}`, { timeout: 30 }))
    const started = await pids.waitFor(2)
    await clock.advance(29)
    expect(started.every(lives)).toBe(true)
    await clock.advance(2)
    expect(await asking).toBe('it took longer than 30 s')
    expect(started.filter(lives)).toEqual([])
  })

  test('leaves nothing running after it has exited by itself', async () => {
    const pids = pidsIn(newFolder())
    const { reasonOf } = await startedChild()
    expect(await reasonOf(shell(`sleep 600 >/dev/null 2>&1 & echo $! >>"${pids.file}"`))).toBe('healthy')
    await until(() => pids.read().length === 1 && !pids.read().some(lives), 'the end of what it left')
  })

  test('is killed with all processes that it has started before its child counts as stopped', async () => {
    const pids = pidsIn(newFolder())
    const checks = [command(shell(staying(pids.file), { interval: 0.01, timeout: 600 }))]
    const { child } = await startedChild({ checks })
    const started = await pids.waitFor(2)
    expect(await failureOf(child.stop())).toBeNull()
    expect(started.filter(lives)).toEqual([])
  })

  test('restarts its child after `retries` failures, with the last line of stderr as the reason', async () => {
    const checks = [
      command(shell('echo "no database" >&2; exit 2', { interval: 0.01, retries: 2, name: 'database' })),
    ]
    const { child } = await startedChild({ checks })
    await next(child, 'restarted')
    expect(child.info().reason).toBe("check 'database' failed: 'sh' exited with code 2: no database")
  })

  test.each(['EMFILE', 'EAGAIN'])('that cannot be spawned because of %s does not count', async (code) => {
    const spawn: Sys['spawn'] = (program, ...rest) => {
      if (program === 'sh') throw Object.assign(new Error(`spawn ${code}`), { code })
      return realSys.spawn(program, ...rest)
    }
    const checks = [command(shell('true', { interval: 0.01, retries: 1 }))]
    await expectNoResult(checks, `could not be spawned: the system refused it (${code})`, sysWith({ spawn }))
  })

  test('that does not exist does not count', async () => {
    const checks = [command({ command: 'no-such-program', interval: 0.01, retries: 1 })]
    await expectNoResult(
      checks,
      "'x: command' could not be spawned: the program 'no-such-program' is not on PATH",
    )
  })

  async function expectNoResult(checks: StartOptions['checks'], why: string, sys?: Sys): Promise<void> {
    const child = newSpinner({}, sys).start({ ...sleeper('x'), checks: checks ?? [] })
    const errors: string[] = []
    child.on('error', (error) => void errors.push(error.message))
    await child
    await until(() => errors.length > 0)
    expect(errors).toEqual([expect.stringContaining(why)])
    expect(child.info()).toMatchObject({ state: 'started', restarts: 0 })
  }
})

describe.runIf(process.platform === 'linux')('the command of a check', () => {
  const program = hosts.hostProgram(install())
  const children = [sleeper('a'), sleeper('b')]

  async function ended(host: hosts.Host, pids: readonly number[]): Promise<void> {
    host.process.kill('SIGKILL')
    await host.ended
    await hosts.nothingLives(pids)
  }

  test.each([0, 3, 10, 40])(
    'H1 is gone with its host after a SIGKILL, %i ms after one was spawned',
    async (ms) => {
      const seen = pidsIn(newFolder())
      const scripts = ['setsid sleep 600 & sleep 600', "trap '' TERM; sleep 600 & wait", staying(seen.file)]
      const commands = scripts.map((script, index) =>
        shell(script, { name: `c${index}`, interval: 0.001, timeout: 600 }),
      )
      const host = await hosts.newHost(program, { children, commands })
      const pids = (await hosts.started(host)).map(({ pid }) => pid)
      await seen.waitFor(1)
      await realSys.pause(ms)
      await ended(host, pids)
    },
  )

  test('H1 that only its process group identifies is gone with its host', async () => {
    const [bare, later] = [pidsIn(newFolder()), pidsIn(newFolder())]
    const cleared = `echo $$ >>"${bare.file}"; exec env -i sleep 600`
    const commands = [
      shell(cleared, { name: 'bare', interval: 0.001, timeout: 600 }),
      // The host spawns this one only after it has finished spawning the other.
      shell(staying(later.file), { name: 'later', interval: 0.2, timeout: 600 }),
    ]
    const host = await hosts.newHost(program, { children: [sleeper('a')], commands })
    await later.waitFor(1)
    const pids = await bare.waitFor(1)
    await ended(host, pids)
  })
})
