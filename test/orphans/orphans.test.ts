import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { COOKIE } from '../../src/linux/cookie.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { lives, sleeper } from '../support/children.ts'
import { fixture, get, newSpinner, until } from '../support/host.ts'
import * as hosts from '../support/hosts.ts'
import { install } from '../support/installed.ts'

const { marked, newHost, nothingLives, shell, started, watchdogOf, watchdogs } = hosts

/** Whatever makes a process hard to find or to end, and how many processes it is. */
const KINDS: readonly [StartOptions, number][] = [
  [{ script: fixture('hello.js') }, 1],
  [{ script: fixture('ignores-sigterm.js') }, 1],
  [shell('busy', "trap '' TERM; while :; do :; done"), 1],
  [shell('wrapper', 'sleep 600; true'), 2],
  [shell('leaves its session', 'setsid sleep 600 & exec sleep 600'), 2],
  [shell('forks twice', '(sleep 600 & setsid sleep 600 &); exec sleep 600'), 3],
]
const ALL_KINDS = KINDS.map(([child]) => child)
const PROCESSES = KINDS.reduce((sum, [, count]) => sum + count, 0)

/** Only its group tells whose it is. */
const BARE: StartOptions = { name: 'bare', command: 'env', args: ['-i', 'sleep', '600'], listen: null }

describe.runIf(process.platform === 'linux')('the children of a host', () => {
  const program = hosts.hostProgram(install())

  const SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGABRT', 'SIGSEGV'] as const
  const OWN = ['abort', 'throw', 'reject', 'exit'] as const
  const endings = [
    ...SIGNALS.map((signal) => [signal, (host: hosts.Host) => host.process.kill(signal)] as const),
    ...OWN.map((ending) => [ending, (host: hosts.Host) => host.process.send(ending)] as const),
  ]

  test.each(endings)('H1 are gone, of whatever kind, after its end by %s', async (_ending, end) => {
    const host = await newHost(program, { children: [...ALL_KINDS, BARE] })
    const pids = (await started(host)).map(({ pid }) => pid)
    await until(() => marked().length === PROCESSES + 1, 'all processes')
    const watchdog = watchdogOf(host.pid)
    end(host)
    await host.ended
    await nothingLives([...pids, watchdog])
  })

  test('H1 are gone after a SIGKILL at any moment of their starts', async () => {
    let met = 0
    const round = fc.asyncProperty(fc.integer({ min: 0, max: 150 }), async (delay) => {
      const host = await newHost(program, { children: [...ALL_KINDS, BARE] })
      await new Promise((resolve) => setTimeout(resolve, delay))
      const watchers = watchdogs(host.pid).map(({ pid }) => pid)
      met += marked().length - 1
      host.process.kill('SIGKILL')
      await host.ended
      await nothingLives(watchers)
    })
    // Its message holds the seed.
    await fc.assert(round, { numRuns: 10, endOnFailure: true })
    expect(met).toBeGreaterThan(0)
  })

  test.each(endings.filter(([ending]) => ending === 'SIGKILL' || ending === 'exit'))(
    "H1 live on after its end by %s where orphans is 'leave'",
    async (_ending, end) => {
      const child: StartOptions = { script: fixture('hello.js'), listen: 'port' }
      const host = await newHost(program, { options: { orphans: 'leave' }, children: [child] })
      const [orphan] = await started(host)
      expect(watchdogs(host.pid)).toEqual([])
      end(host)
      await host.ended
      expect(await get(orphan?.target ?? null)).toBe(`hello from ${orphan?.pid}`)
      hosts.endAll()
      await nothingLives()
    },
  )

  test('H2 are gone even when its watchdogs were killed one after the other', async () => {
    const host = await newHost(program, { children: [...ALL_KINDS, BARE] })
    const pids = (await started(host)).map(({ pid }) => pid)
    const killed = new Set<number>()
    for (let round = 0; round < 5; round++) {
      const watchdog = watchdogOf(host.pid)
      killed.add(watchdog)
      process.kill(watchdog, 'SIGKILL')
      await until(() => watchdogs(host.pid).some(({ pid }) => !killed.has(pid)), 'a new watchdog')
    }
    expect(killed.size).toBe(5)
    const last = watchdogOf(host.pid)
    host.process.kill('SIGKILL')
    await host.ended
    await nothingLives([...pids, last])
  })

  test('H10 are gone after signals to its group, of which the watchdog hears none', async () => {
    const host = await newHost(program, { children: [...ALL_KINDS, BARE], ignores: 'SIGINT' })
    const pids = (await started(host)).map(({ pid }) => pid)
    const watchdog = watchdogOf(host.pid)
    const heard = started(host)
    process.kill(-host.pid, 'SIGINT')
    expect(await heard).toBe('SIGINT')
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.kill(watchdog, signal)
    expect(watchdogOf(host.pid)).toBe(watchdog)
    expect(pids.filter(lives)).toEqual(pids)
    process.kill(-host.pid, 'SIGKILL')
    await host.ended
    await nothingLives([...pids, watchdog])
  })

  const inner: hosts.Task = { children: [{ script: fixture('ignores-sigterm.js') }, sleeper('sleeper')] }
  const outer = (): StartOptions => ({ script: program, listen: null, env: hosts.hostEnv(inner) })

  test('H1 are gone when the host is itself a child and is stopped', async () => {
    const child = newSpinner().start(outer())
    await child
    await until(() => marked().length === 3, 'the inner children')
    await child.stop()
    await nothingLives()
  })

  test('H1 are gone when the host is itself a child and the host of that is killed', async () => {
    const host = await newHost(program, { children: [outer()] })
    const [middle] = await started(host)
    await until(() => marked().length === 4, 'the inner children')
    const shells = [watchdogOf(host.pid), watchdogOf(middle?.pid)]
    host.process.kill('SIGKILL')
    await host.ended
    await nothingLives(shells)
  })

  test('H25 hold the mark of its spinner, and within it that of an inner one', async () => {
    const child = newSpinner().start(outer())
    await child
    const uuidOf = (host: number): string => watchdogs(host)[0]?.command[3]?.split('=')[1] ?? 'no watchdog'
    const outerMark = `${COOKIE}=${uuidOf(process.pid)}.1`
    // A process that was forked, and has not begun its program yet, shows its parent's.
    const hasBegun = ({ environment, pid }: hosts.Seen): boolean =>
      pid === child.pid || !environment.includes(outerMark)
    const all = (): hosts.Seen[] => marked().filter(hasBegun)
    const seen = await until(() => (all().length === 3 ? all() : null), 'the inner children')
    for (const { environment, parent, pid } of seen) {
      const inner = new RegExp(`^${outerMark}/${uuidOf(parent)}\\.[12]$`)
      const marks = environment.filter((word) => word.startsWith('SPINNER_'))
      expect(marks).toEqual([pid === child.pid ? outerMark : expect.stringMatching(inner)])
    }
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'are gone, with the watchdog of an inner host, when that is stopped by %s',
    async (stopSignal) => {
      const child = newSpinner().start({ ...outer(), stopSignal })
      await child
      await until(() => marked().length === 3, 'the inner children')
      const shell = watchdogOf(child.pid as number)
      await child.stop()
      expect(marked()).toEqual([])
      expect(lives(shell)).toBe(false)
    },
  )
})
