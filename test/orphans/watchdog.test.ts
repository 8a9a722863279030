import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { COOKIE, Cookies } from '../../src/linux/cookie.ts'
import { Watchdog } from '../../src/orphans/watchdog.ts'
import { deferred } from '../../src/promises.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { lives, sleeper } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { newFolder, newSpinner, until } from '../support/host.ts'
import { endAll, nothingLives, shell, watchdogOf, watchdogs } from '../support/hosts.ts'
import { has } from '../support/needs.ts'

/** A process in a group of its own that carries no spinner's mark. */
function decoy(): ChildProcess & { readonly pid: number } {
  onTestFinished(endAll)
  const env = { PATH: process.env['PATH'], TEST_MARK: String(process.pid) }
  return spawn('sleep', ['600'], { detached: true, env, stdio: 'ignore' }) as ReturnType<typeof decoy>
}

/** The real outside world, but with another program instead of the watchdog's shell. */
const sysWithShell = (
  command: string,
  argsFor: (args: readonly string[]) => readonly string[] = (args) => args,
): { sys: Sys; shells: ChildProcess[] } => {
  const shells: ChildProcess[] = []
  const replaced: Sys['spawn'] = (program, args, options) => {
    if (program !== '/bin/sh') return realSys.spawn(program, args, options)
    shells.push(realSys.spawn(command, argsFor(args), options))
    return shells.at(-1) as ChildProcess
  }
  return { sys: sysWith({ spawn: replaced }), shells }
}

const SHELLS = ['sh', 'dash', 'bash', 'busybox']

describe.runIf(process.platform === 'linux')('the watchdog', () => {
  test('comes with the first child, once for all of them, and goes with the close', async () => {
    const spinner = newSpinner()
    expect(watchdogs()).toEqual([])
    await Promise.all(['a', 'b', 'c'].map((name) => spinner.start(sleeper(name))))
    const watchdog = watchdogOf()
    await spinner.close()
    await nothingLives([watchdog])
    expect(watchdogs()).toEqual([])
  })

  test('is told of a group at once, since the host may stand still from then on, and of those after it together', async () => {
    const written: string[] = []
    const spawn: Sys['spawn'] = (...given) => {
      const shell = realSys.spawn(...given)
      const { stdin } = shell
      const write = stdin?.write.bind(stdin) as (text: string) => boolean
      Object.assign(stdin as object, { write: (text: string) => written.push(text) && write(text) })
      return shell
    }
    const pause = deferred<void>()
    const watchdog = new Watchdog(sysWith({ spawn, pause: () => pause.promise }), new Cookies({}))
    watchdog.wake()
    const groups = [decoy(), decoy(), decoy()].map(({ pid }) => pid)
    for (const group of groups) watchdog.guard(group)
    expect(written).toEqual([`+${groups[0]}\n`])
    pause.resolve()
    await until(() => written.length === 2)
    expect(written[1]).toBe(`+${groups[1]}\n+${groups[2]}\n`)
    const shell = watchdogOf()
    watchdog.close()
    await nothingLives([shell, ...groups])
  })

  test('H2 that was killed while there was nobody to watch is replaced at the next start', async () => {
    const spinner = newSpinner()
    const child = spinner.start(sleeper('a'))
    await child
    await child.stop()
    process.kill(watchdogOf(), 'SIGKILL')
    await until(() => watchdogs().length === 0, 'its end')
    await spinner.start('a')
    await until(() => watchdogs().length === 1, 'a new watchdog')
  })

  test('H25 shows in nothing of a child but one variable of its environment', async () => {
    const cwd = newFolder()
    const script = `exec > facts; tr '\\0' '\\n' < /proc/$$/environ; tr '\\0' ' ' < /proc/$$/cmdline
      echo $PPID; pwd; readlink /proc/$$/fd/0; (cd /proc/$$/fd && echo *); echo written >&2; exec sleep 600`
    const facts = async (orphans: 'kill' | 'leave'): Promise<string[]> => {
      await newSpinner({ orphans }).start({ ...shell('a', script), cwd, ready: { output: /written/ } })
      return readFileSync(path.join(cwd, 'facts'), 'utf8').trim().split('\n')
    }
    const [without, all] = [await facts('leave'), await facts('kill')]
    const isCookie = (line: string): boolean => line.startsWith(`${COOKIE}=`)
    expect(all.filter((line) => !isCookie(line))).toEqual(without.filter((line) => !isCookie(line)))
    expect(all.filter(isCookie)).toHaveLength(1)
    expect(all.slice(-3)).toEqual([cwd, '/dev/null', expect.stringMatching(/^0 1 2\b/)])
  })

  test.each(SHELLS.filter(has))(
    'E21 ends, run by %s, the groups that it knows and no others',
    async (name) => {
      const { sys, shells } = sysWithShell(name, (args) => (name === 'busybox' ? ['sh', ...args] : args))
      const watchdog = new Watchdog(sys, new Cookies({}))
      watchdog.wake()
      const [known, gone] = [decoy(), decoy()]
      // More than any process has; it begins like the number that is to be forgotten.
      watchdog.guard(Number(String(gone.pid).padEnd(9, '0')))
      const forget = watchdog.guard(gone.pid)
      watchdog.guard(known.pid)
      forget()
      watchdog.close()
      await until(
        () => shells.every(({ exitCode, signalCode }) => exitCode !== null || signalCode),
        'its end',
      )
      await until(() => known.signalCode === 'SIGTERM')
      expect(lives(gone.pid)).toBe(true)
      gone.kill()
      await nothingLives()
    },
  )

  test('H2 is told of each group, and of its end', async () => {
    const told = path.join(newFolder(), 'told')
    const spinner = newSpinner({ orphans: 'kill' }, sysWithShell('tee', () => [told]).sys)
    const child = spinner.start(sleeper('a'))
    await child
    const { pid } = child
    await child.stop()
    // The shell of the test may still have to begin when the child has already been stopped.
    const heard = (): string => (existsSync(told) ? readFileSync(told, 'utf8') : '')
    await until(() => heard() === `+${pid}\n-${pid}\n`, 'the message')
    await spinner.close()
    await until(() => heard() === `+${pid}\n-${pid}\nq\n`, 'the farewell')
  })
})
