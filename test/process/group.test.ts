import { spawn } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isSafeGroup } from '../../src/linux/processes.ts'
import { membersOf, signalGroup, signalLeader, whenEmpty } from '../../src/process/group.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { sysWith } from '../support/clock.ts'
import { until } from '../support/host.ts'

/** An outside world that keeps the signals instead of sending them. */
function recordingSys(platform: NodeJS.Platform = 'linux', code?: string) {
  const signals: [number, unknown][] = []
  const kill = (pid: number, signal: unknown): void => {
    signals.push([pid, signal])
    if (code) throw Object.assign(new Error(code), { code })
  }
  return { sys: sysWith({ kill, platform }), signals }
}

const asPid = (value: unknown): number => value as number

describe('who may be signalled', () => {
  const never = [
    ...[undefined, null, Number.NaN, 0, -0, -1, 1, process.pid, -process.pid, 1.5, 2 ** 53, -(2 ** 53)],
    ...[Number.POSITIVE_INFINITY, '', '1', '4711', {}, [4711], true, 4711n],
  ]

  test.each(never)('H4 no signal leaves for %s', (pid) => {
    const { sys, signals } = recordingSys()
    for (const signal of ['SIGTERM', 'SIGKILL', 0] as const) {
      expect(signalGroup(sys, asPid(pid), signal)).toBe(false)
      expect(signalLeader(sys, asPid(pid), signal)).toBe(false)
    }
    expect(membersOf(sys, asPid(pid))).toEqual([])
    expect(signals).toEqual([])
  })

  test('H4 whatever the number is, nothing but a foreign group of more than 1 is signalled', () => {
    const { sys, signals } = recordingSys()
    const pid = fc.oneof(fc.constantFrom<unknown>(...never), fc.integer(), fc.double(), fc.anything())
    fc.assert(
      fc.property(pid, (value) => {
        signals.length = 0
        const sent = signalGroup(sys, asPid(value), 'SIGKILL')
        expect(sent).toBe(isSafeGroup(sys, value))
        expect(signals).toEqual(sent ? [[-asPid(value), 'SIGKILL']] : [])
        for (const [target] of signals) {
          expect(target).toBeLessThan(-1)
          expect(target).not.toBe(-process.pid)
        }
      }),
      { numRuns: 2_000 },
    )
    expect(isSafeGroup(sys, 4_711)).toBe(true)
  })

  test('a group is signalled as a group, and a leader alone', () => {
    const { sys, signals } = recordingSys()
    expect(signalGroup(sys, 4_711, 'SIGTERM')).toBe(true)
    expect(signalLeader(sys, 4_711, 'SIGTERM')).toBe(true)
    expect(signals).toEqual([
      [-4_711, 'SIGTERM'],
      [4_711, 'SIGTERM'],
    ])
  })

  test.each([
    ['linux', 'ESRCH', false],
    ['darwin', 'ESRCH', false],
    ['linux', 'EPERM', true],
    ['darwin', 'EPERM', false],
    ['linux', 'EINVAL', true],
  ] as const)('H4 on %s, %s says of a group that it lives: %s', (platform, code, lives) => {
    const { sys, signals } = recordingSys(platform, code)
    expect(signalGroup(sys, 4_711, 0)).toBe(lives)
    expect(signals).toHaveLength(1)
  })
})

/** An outside world whose `/proc` holds these processes: pid, name, state, group. */
function sysWithProcesses(stats: () => readonly (readonly [number, string, string, number])[]): Sys {
  const readdirSync = () => [...stats().map(([pid]) => String(pid)), 'self', 'net']
  const readFileSync = (file: string): string => {
    const [pid, name, state, pgrp] = stats().find(([pid]) => file === `/proc/${pid}/stat`) ?? []
    return `${pid} (${name}) ${state} 1 ${pgrp} ${pgrp} 0 -1`
  }
  const fs = { ...realSys.fs, readdirSync, readFileSync } as unknown as Sys['fs']
  return sysWith({ platform: 'linux', kill: () => {}, fs, pause: () => realSys.nextTurn() })
}

describe('who lives', () => {
  test('H9 zombies and other groups are no members, and odd names hide nobody', () => {
    const sys = sysWithProcesses(() => [
      [100, 'leader', 'Z', 100],
      [101, 'a) Z 1 (b', 'S', 100],
      [102, 'dead', 'X', 100],
      [103, 'other', 'S', 103],
    ])
    expect(membersOf(sys, 100)).toEqual([101])
    expect(membersOf(sys, 104)).toEqual([])
  })

  test('H9 a group of nothing but zombies is empty, although it can be signalled', async () => {
    await whenEmpty(
      sysWithProcesses(() => [[100, 'leader', 'Z', 100]]),
      100,
    )
  })

  test('H13 a group is not empty while one of it lives', async () => {
    let looks = 0
    const sys = sysWithProcesses(() => [[101, 'grandchild', looks++ < 20 ? 'S' : 'Z', 100]])
    await whenEmpty(sys, 100)
    expect(looks).toBeGreaterThan(20)
  })

  test.runIf(process.platform === 'linux')(
    'H9 a real zombie that its parent never asks for does not keep its group alive',
    async () => {
      // The shell becomes a program that knows nothing of the child that the shell has started.
      const script = 'setsid sleep 1000 & echo $!; exec sleep 1000'
      const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
      onTestFinished(() => void parent.kill('SIGKILL'))
      let said = ''
      parent.stdout.on('data', (chunk) => {
        said += chunk
      })
      const zombie = Number(await until(() => /^\d+\n/.exec(said)?.[0], 'the pid'))
      const stat = (pid: number | undefined): string => realSys.fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
      await until(() => stat(parent.pid).includes('(sleep)') && stat(zombie).includes('(sleep)'))
      expect(membersOf(realSys, zombie)).toEqual([zombie])
      process.kill(zombie, 'SIGKILL')
      await until(() => stat(zombie).includes(') Z '), 'the zombie')
      expect(signalGroup(realSys, zombie, 0)).toBe(true)
      expect(membersOf(realSys, zombie)).toEqual([])
      await whenEmpty(realSys, zombie)
      expect(stat(zombie)).toContain(') Z ')
    },
  )

  test('where groups cannot be looked into, a group that answers has one member', () => {
    expect(membersOf(recordingSys('darwin').sys, 4_711)).toEqual([4_711])
    expect(membersOf(recordingSys('darwin', 'EPERM').sys, 4_711)).toEqual([])
  })
})
