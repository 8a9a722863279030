import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseStat } from '../../src/linux/processes.ts'
import { type ProcessUsage, parseAuxv, readUnits, StatReader } from '../../src/linux/usage.ts'
import { realSys, type Sys } from '../../src/sys.ts'

/** A reader of a file that says what the test says. */
const readerOf = (line: string): StatReader => {
  const readSync = (_descriptor: number, into: Buffer): number => into.write(line, 'latin1')
  const fs = { ...realSys.fs, openSync: () => 99, closeSync: () => {}, readSync }
  return new StatReader({ ...realSys, fs: fs as unknown as Sys['fs'] })
}

const lineOf = (name: string, tail = ' 0 0 0 0 0'): string =>
  `7 (${name}) S 1 -1 7 0 -1 4194304 98 0 0 0 30 12 99 99 20 0 1 0 5000 3133440 413${tail}\n`

const SEEN: ProcessUsage = { pid: 7, ppid: 1, pgrp: -1, start: 5_000, ticks: 42, pages: 413 }

describe('what /proc/<pid>/stat says', () => {
  test.each(['sh', 'a b', ') S 3 (', 'x) R 9 9 9 9', '(((', ''])(
    'is read right whatever the program %j is called',
    (name) => expect(readerOf(lineOf(name)).read(7)).toEqual(SEEN),
  )

  test.each(['', '7', '7 (sh', '7 (sh) S', '7 (sh) S 1 7 7', lineOf('sh').slice(0, 60)])(
    'is nothing when the line is cut off: %j',
    (line) => expect(readerOf(line).read(7)).toBeNull(),
  )

  test('leaves nothing of a longer line behind', () => {
    const lines = [lineOf('a program'), '7 (sh) Z 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0\n']
    const readSync = (_descriptor: number, into: Buffer): number => into.write(lines.shift() ?? '', 'latin1')
    const fs = { ...realSys.fs, openSync: () => 99, closeSync: () => {}, readSync }
    const reader = new StatReader({ ...realSys, fs: fs as unknown as Sys['fs'] })
    expect(reader.read(7)?.pages).toBe(413)
    expect(reader.read(7)).toEqual({ pid: 7, ppid: 1, pgrp: 7, start: 5, ticks: 0, pages: 0 })
  })

  test('is null for who is not there, and thrown for what cannot be told', () => {
    const refusing = (code: string): StatReader => {
      const openSync = (): never => {
        throw Object.assign(new Error(code), { code })
      }
      return new StatReader({ ...realSys, fs: { ...realSys.fs, openSync } as unknown as Sys['fs'] })
    }
    for (const code of ['ENOENT', 'ESRCH', 'EACCES']) expect(refusing(code).read(7)).toBeNull()
    for (const code of ['EMFILE', 'ENFILE', 'EIO']) expect(() => refusing(code).read(7)).toThrow(code)
  })

  test.runIf(process.platform === 'linux')(
    'is read as the other parser reads it, of whatever runs here',
    () => {
      const reader = new StatReader(realSys)
      const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
      const both = pids.flatMap((pid) => {
        const ours = reader.read(Number(pid))
        if (!ours) return []
        const { ppid, pgrp, start } = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? {}
        return [[ours, { ...ours, ppid, pgrp, start }]]
      })
      expect(both.length).toBeGreaterThan(1)
      for (const [ours, others] of both) expect(ours).toEqual(others)
    },
  )

  test.runIf(process.platform === 'linux')(
    'in pages and ticks of this machine is what Node says',
    async () => {
      const { pageSize } = readUnits(realSys)
      const { pages } = new StatReader(realSys).read(process.pid) as ProcessUsage
      expect((pages * pageSize) / process.memoryUsage.rss()).toBeCloseTo(1, 0)
    },
  )
})

test('the units of a machine are what its kernel has told, and the usual ones where it has not', () => {
  const auxv = Buffer.alloc(64)
  const words = [6n, 65_536n, 17n, 1_024n, 33n, 140_253_743_472_640n]
  for (const [index, word] of words.entries()) auxv.writeBigUInt64LE(word, index * 8)
  expect(parseAuxv(auxv, 8)).toEqual({ pageSize: 65_536, ticksPerSecond: 1_024 })
  const short = Buffer.alloc(16)
  for (const [index, word] of [6, 16_384, 17, 100].entries()) short.writeUInt32LE(word, index * 4)
  expect(parseAuxv(short, 4)).toEqual({ pageSize: 16_384, ticksPerSecond: 100 })
  expect(parseAuxv(Buffer.alloc(0), 8)).toEqual({ pageSize: 4_096, ticksPerSecond: 100 })
  const readFileSync = (): never => {
    throw new Error('not here')
  }
  const fs = { ...realSys.fs, readFileSync } as unknown as Sys['fs']
  expect(readUnits({ ...realSys, fs })).toEqual({ pageSize: 4_096, ticksPerSecond: 100 })
})
