import { existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { StartOptions } from '../../src/types/options.ts'
import { failureOf, lives, sleeper } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, newFile, newFolder, newSpinner, until } from '../support/host.ts'
import * as hosts from '../support/hosts.ts'
import { install, runHost } from '../support/installed.ts'

const { marked, newHost, nothingLives, shell, started, watchdogOf } = hosts

const CHILDREN: readonly StartOptions[] = [
  { script: fixture('ignores-sigterm.js') },
  shell('leaves its session', 'setsid sleep 600 & exec sleep 600'),
  { name: 'bare', command: 'env', args: ['-i', 'sleep', '600'], listen: null },
]

const silent = { info: () => {}, error: () => {}, debug: () => {} }

describe.runIf(process.platform === 'linux')('a host that has an `id`', () => {
  const program = hosts.hostProgram(install())

  /** A host that died at the same moment as its watchdog, and the pids of what it left. */
  async function leftBehind(runtimeDir: string): Promise<number[]> {
    const host = await newHost(program, { options: { id: 'shop', runtimeDir }, children: CHILDREN })
    const leaders = (await started(host)).map(({ pid }) => pid)
    await until(() => marked().length === 4, 'all processes')
    process.kill(host.pid, 'SIGSTOP')
    process.kill(watchdogOf(host.pid), 'SIGKILL')
    process.kill(host.pid, 'SIGKILL')
    await host.ended
    return [...new Set([...leaders, ...marked().map(({ pid }) => pid)])]
  }

  test('H1 ends, before its first start, what one before it left that died with its watchdog', async () => {
    const runtimeDir = newFolder()
    const left = await leftBehind(runtimeDir)
    expect(left.filter(lives)).toHaveLength(4)
    const spinner = newSpinner({ id: 'shop', runtimeDir })
    await spinner.start(sleeper('next'))
    expect(left.filter(lives)).toEqual([])
  })

  test('H1 ends it also where the next one only closes, and is kept alive until that is done', async () => {
    const runtimeDir = newFolder()
    const left = await leftBehind(runtimeDir)
    const text = `import { createSpinner } from 'spinner'
      await createSpinner({ id: 'shop', runtimeDir: process.env.PLACE, logger: null }).close()
      console.log('closed')`
    const next = newFile('next.mjs', text, path.dirname(program))
    expect(await runHost(next, { PLACE: runtimeDir })).toMatchObject({ code: 0, output: 'closed\n' })
    expect(left.filter(lives)).toEqual([])
  })

  test('H1 leaves alone what one with another `id` left', async () => {
    const runtimeDir = newFolder()
    const left = await leftBehind(runtimeDir)
    const spinner = newSpinner({ id: 'another shop', runtimeDir })
    await spinner.start(sleeper('next'))
    expect(left.filter(lives)).toHaveLength(4)
    await spinner.close()
    hosts.endAll()
    for (const pid of left.filter(lives)) process.kill(pid, 'SIGKILL')
    await nothingLives(left)
  })

  test('has its sockets where it had them before, and leaves no folder', async () => {
    const tmpdir = newFolder()
    const sys = sysWith({ tmpdir: () => tmpdir, env: { ...process.env, XDG_RUNTIME_DIR: '' } })
    const address = async (): Promise<unknown> => {
      const spinner = newSpinner({ id: 'shop', orphans: 'kill' }, sys)
      const found = await spinner.start({ script: fixture('hello.js') })
      expect(path.dirname(String(found)).startsWith(tmpdir)).toBe(true)
      await spinner.close()
      expect(readdirSync(tmpdir)).toEqual([])
      return found
    }
    expect(await address()).toBe(await address())
  })

  test('shares it with nobody: a second spinner is refused until the first is closed', async () => {
    const runtimeDir = newFolder()
    const first = newSpinner({ id: 'shop', runtimeDir })
    expect(() => newSpinner({ id: 'shop', runtimeDir })).toThrow(/`id` is in use by .* \(pid \d+\)/)
    await newSpinner({ id: 'another', runtimeDir }).close()
    await first.close()
    await newSpinner({ id: 'shop', runtimeDir }).close()
  })

  test('is warned of a state file that cannot be trusted, and works', async () => {
    const runtimeDir = newFolder()
    const spinner = newSpinner({ id: 'shop', runtimeDir })
    const [name] = readdirSync(runtimeDir) as [string]
    await spinner.close()
    const victim = path.join(newFolder(), 'victim')
    writeFileSync(victim, 'precious')
    symlinkSync(victim, path.join(runtimeDir, name))
    const warnings: string[] = []
    const logger = { ...silent, warn: (line: string) => void warnings.push(line) }
    const next = newSpinner({ id: 'shop', runtimeDir, logger })
    await next.start(sleeper('a'))
    expect(warnings).toEqual([expect.stringContaining('it is a symbolic link')])
    expect(existsSync(victim)).toBe(true)
  })

  test("writes nothing down where orphans is 'leave'", async () => {
    const runtimeDir = newFolder()
    const spinner = newSpinner({ id: 'shop', runtimeDir, orphans: 'leave' })
    await spinner.start(sleeper('a'))
    expect(readdirSync(runtimeDir)).toEqual([])
    expect(await failureOf(spinner.close())).toBe(null)
  })
})
