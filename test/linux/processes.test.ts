import { spawn } from 'node:child_process'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  isAlive,
  parseStat,
  parseTcp,
  parseUnix,
  readStat,
  readStats,
  readVariable,
  seesProcesses,
  socketsOf,
} from '../../src/linux/processes.ts'
import { realSys } from '../../src/sys.ts'
import { sysWith } from '../support/clock.ts'
import { until } from '../support/host.ts'

/** Text that looks enough like the real thing to get past the first look. */
const garbage = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc
    .array(
      fc.constantFrom('1', ' ', '(', ')', '\n', 'S', '0A', '00000000', ':', '0100007F:1F90', '\0', '/tmp/x'),
    )
    .map((parts) => parts.join('')),
)

describe('/proc/<pid>/stat', () => {
  const rest = '7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 1261490 3133440 413 18446744073709551615 9466'

  test.each(['node', 'a) S 1 (b', ') Z 1 1 (', '', '((((', 'two words', 'new\nline', ')'])(
    'H5 a program called %j does not hide the fields behind its name',
    (name) => {
      expect(parseStat(`42 (${name}) S ${rest}`)).toEqual({
        pid: 42,
        state: 'S',
        ppid: 7,
        pgrp: 42,
        start: 1_261_490,
      })
    },
  )

  test.each(['', '42', '42 (node', 'x (node) S 7 42', '42 (node)', '42 (node) S', '42 (node) S 7 x'])(
    'what is cut short is nothing: %j',
    (text) => expect(parseStat(text)).toBeNull(),
  )

  test('H5 a start time that is cut off equals none', () => {
    const start = parseStat('42 (node) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0')?.start
    expect(start).toBeNaN()
  })

  test('H9 a zombie is not alive, and neither is what is dead', () => {
    const alive = (state: string): boolean => isAlive({ state })
    expect(['R', 'S', 'D', 'T', 't', 'I'].every(alive)).toBe(true)
    expect(['Z', 'X'].some(alive)).toBe(false)
  })

  test('garbage never throws', () => {
    fc.assert(
      fc.property(garbage, (text) => {
        const stat = parseStat(text)
        if (stat) expect([stat.pid, stat.ppid, stat.pgrp].every(Number.isSafeInteger)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('/proc/net/tcp and tcp6', () => {
  const header =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
  const rowOf = (local: string, state = '0A', inode = '4711'): string =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0`

  test.each([
    ['0100007F:1F90', '127.0.0.1', 8080],
    ['00000000:0050', '0.0.0.0', 80],
    ['0101A8C0:FFFF', '192.168.1.1', 65_535],
    ['00000000000000000000000000000000:1F90', '::', 8080],
    ['00000000000000000000000001000000:1F90', '::1', 8080],
    ['0000000000000000FFFF00000100007F:1F90', '0000:0000:0000:0000:0000:ffff:7f00:0001', 8080],
    ['B80D0120000000000000000001000000:0001', '2001:0db8:0000:0000:0000:0000:0000:0001', 1],
  ])('%s is %s, port %i', (local, host, port) => {
    expect(parseTcp(`${header}\n${rowOf(local)}\n`)).toEqual([{ host, port, inode: '4711' }])
  })

  test('only sockets that listen count', () => {
    const text = [header, rowOf('0100007F:0001', '01'), rowOf('0100007F:0002', '0A', '5'), rowOf('0:3', '06')]
    expect(parseTcp(text.join('\n')).map(({ port }) => port)).toEqual([2])
  })

  test('the heading is no row, and a row that is cut short is none', () => {
    expect(parseTcp(rowOf('0100007F:0001'))).toEqual([])
    expect(parseTcp(`${header}\n   0: 0100007F:1F90 00000000:0000 0A`)).toEqual([])
    expect(parseTcp('')).toEqual([])
  })

  test('garbage never throws', () => {
    fc.assert(
      fc.property(garbage, (text) => Array.isArray(parseTcp(text))),
      { numRuns: 2_000 },
    )
  })
})

describe('/proc/net/unix', () => {
  const header = 'Num       RefCount Protocol Flags    Type St Inode Path'
  const rowOf = (path: string, inode: string, flags = '00010000'): string =>
    `0000000000000000: 00000002 00000000 ${flags} 0001 01 ${inode}${path && ` ${path}`}`

  test('gives the inodes of those that listen on the path, and of no other', () => {
    const text = [
      header,
      rowOf('/tmp/a.sock', '1'),
      rowOf('/tmp/b.sock', '2'),
      rowOf('/tmp/a.sock', '3', '00000000'),
      rowOf('/tmp/a.sock.old', '4'),
      rowOf('/other/tmp/a.sock', '5'),
      rowOf('', '6'),
      rowOf('/tmp/a.sock', '7'),
    ].join('\n')
    expect(parseUnix(text, '/tmp/a.sock')).toEqual(['1', '7'])
    expect(parseUnix(text, '/tmp/none.sock')).toEqual([])
  })

  test('a path may hold spaces, and one that ends in another path is not that path', () => {
    const text = [header, rowOf('/tmp/with space/a.sock', '1'), rowOf('/tmp/x /tmp/a.sock', '2')].join('\n')
    expect(parseUnix(text, '/tmp/with space/a.sock')).toEqual(['1'])
    expect(parseUnix(text, '/tmp/a.sock')).toEqual([])
  })

  test('garbage never throws', () => {
    const path = fc.constantFrom('/tmp/x', '', ' ', '1')
    const look = (text: string, socketPath: string) => Array.isArray(parseUnix(text, socketPath))
    fc.assert(fc.property(garbage, path, look), { numRuns: 2_000 })
  })
})

test.runIf(process.platform === 'linux')(
  'the processes of this machine can be read, this one among them',
  () => {
    const self = readStats(realSys).find(({ pid }) => pid === process.pid)
    expect(self).toMatchObject({ ppid: process.ppid, state: expect.stringMatching(/^[RSD]$/) })
  },
)

const sleepers: (() => unknown)[] = []
afterEach(() => Promise.all(sleepers.splice(0).map((end) => end())))

/** A real process that the test ends. */
async function sleeper(env: NodeJS.ProcessEnv): Promise<number> {
  const process = spawn('sleep', ['600'], { env, stdio: 'ignore' })
  const ended = new Promise((resolve) => process.once('exit', resolve))
  sleepers.push(() => process.kill('SIGKILL') && ended)
  const pid = process.pid as number
  await until(() => readVariable(realSys, pid, 'TEST_MARK') !== null)
  return pid
}

describe.runIf(process.platform === 'linux')('one process', () => {
  const mark = { TEST_MARK: String(process.pid) }

  test('H5 began no earlier than the one that started it', async () => {
    const [own, other] = [process.pid, await sleeper(mark)].map((pid) => readStat(realSys, pid)?.start)
    expect(own).toBeGreaterThan(0)
    // This process has run for longer than the kernel takes for a tick.
    expect(other).toBeGreaterThan(own as number)
  })

  test('tells a variable from one whose name or value only holds its name', async () => {
    const pid = await sleeper({ ...mark, A_B: '1', VALUE: 'B=2', B: 'x=y', EMPTY: '' })
    const read = (name: string): string | null => readVariable(realSys, pid, name)
    expect(['B', 'A_B', 'VALUE', 'EMPTY', 'ALUE', 'A', ''].map(read)).toEqual([
      'x=y',
      '1',
      'B=2',
      '',
      null,
      null,
      null,
    ])
  })

  test('that is not there has nothing, and out of descriptors that is not said of any', () => {
    expect(readStat(realSys, 2 ** 22 + 1)).toBeNull()
    expect(readVariable(realSys, 2 ** 22 + 1, 'PATH')).toBeNull()
    const readFileSync = (): never => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    }
    const exhausted = sysWith({ fs: { ...realSys.fs, readFileSync } as unknown as typeof realSys.fs })
    expect(() => readStat(exhausted, 1)).toThrow('too many')
    expect(() => readVariable(exhausted, 1, 'PATH')).toThrow('too many')
  })
})

test('a process that ends while it is looked at is left out', () => {
  const gone = (): never => {
    throw Object.assign(new Error('no such process'), { code: 'ESRCH' })
  }
  const fs = { ...realSys.fs, readdirSync: () => ['1', '22', 'self', 'net', '9x'], readFileSync: gone }
  expect(readStats(sysWith({ fs: fs as unknown as typeof realSys.fs }))).toEqual([])
  expect(socketsOf(sysWith({ fs: { ...realSys.fs, readdirSync: gone } }), 2)).toEqual(new Set())
  const closing = { ...realSys.fs, readdirSync: () => ['0', '1'], readlinkSync: gone }
  expect(socketsOf(sysWith({ fs: closing as unknown as typeof realSys.fs }), 2)).toEqual(new Set())
})

describe.runIf(process.platform === 'linux')('what /proc tells', () => {
  test('is believed when it shows this process under its own number, and only then', () => {
    expect(seesProcesses(realSys)).toBe(true)
    expect(seesProcesses(sysWith({ pid: process.pid + 1 }))).toBe(false)
    expect(seesProcesses(sysWith({ platform: 'darwin' }))).toBe(false)
  })
})
