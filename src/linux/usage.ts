import os from 'node:os'
import { codeOf } from '../errors.ts'
import type { Sys } from '../sys.ts'

/** What `/proc/<pid>/stat` says of one process and what it uses. See proc(5). */
export interface ProcessUsage {
  readonly pid: number
  readonly ppid: number
  readonly pgrp: number
  /** When it began, in clock ticks since the machine did. */
  readonly start: number
  /** How long it has worked, in clock ticks. */
  readonly ticks: number
  /** How many pages of memory it holds: none when it is a zombie. */
  readonly pages: number
}

/** Longer than any such line: some fifty numbers and a name of a few letters. */
const LONGEST_LINE = 1_024
const [BRACKET, SPACE, MINUS, ZERO] = [0x29, 0x20, 0x2d, 0x30]
/** Fields of the line, counted from 1, up to the last one that matters here. */
const [PPID, PGRP, UTIME, STIME, START, RSS] = [4, 5, 14, 15, 22, 24]

/** It has ended since, or it is another user's. */
const UNREADABLE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])

/**
 * Reads such files, one at a time, into one buffer: a text for each and `readFileSync` would take three times
 * as long.
 */
export class StatReader {
  readonly #fs: Sys['fs']
  readonly #line = Buffer.alloc(LONGEST_LINE)
  readonly #fields = new Float64Array(RSS + 1)

  constructor(sys: Sys) {
    this.#fs = sys.fs
  }

  /** Null when it is not there; thrown when that cannot be told: out of descriptors, say. */
  read(pid: number): ProcessUsage | null {
    try {
      const descriptor = this.#fs.openSync(`/proc/${pid}/stat`, 'r')
      try {
        return this.#parse(pid, this.#fs.readSync(descriptor, this.#line, 0, LONGEST_LINE, 0))
      } finally {
        this.#fs.closeSync(descriptor)
      }
    } catch (thrown) {
      if (UNREADABLE.has(codeOf(thrown) ?? '')) return null
      throw thrown
    }
  }

  /** The name of a program may hold spaces and brackets, so the fields count from the last `)`. */
  #parse(pid: number, length: number): ProcessUsage | null {
    const line = this.#line.subarray(0, length)
    const fields = this.#fields.fill(0)
    let at = line.lastIndexOf(BRACKET) + 4
    if (at < 4) return null
    for (let field = PPID; field <= RSS; field++) {
      const isNegative = line[at] === MINUS
      if (isNegative) at++
      let value = 0
      for (; at < length && line[at] !== SPACE; at++) value = value * 10 + (line[at] as number) - ZERO
      fields[field] = isNegative ? -value : value
      at++
    }
    if (at > length) return null
    const [ppid, pgrp, start, pages] = [PPID, PGRP, START, RSS].map((field) => fields[field] as number)
    const ticks = (fields[UTIME] as number) + (fields[STIME] as number)
    return { pid, ppid, pgrp, start, ticks, pages } as ProcessUsage
  }
}

/** What a page and a tick are on this machine. */
export interface Units {
  readonly pageSize: number
  readonly ticksPerSecond: number
}

const USUAL: Units = { pageSize: 4_096, ticksPerSecond: 100 }
/** Of getauxval(3). */
const [AT_PAGESZ, AT_CLKTCK] = [6, 17]

/** The units that the kernel has told this process when it began. */
export function readUnits(sys: Sys): Units {
  try {
    return parseAuxv(
      sys.fs.readFileSync('/proc/self/auxv'),
      /^(arm|ia32|mips|mipsel|ppc)$/.test(os.arch()) ? 4 : 8,
    )
  } catch {
    return USUAL
  }
}

/** Pairs of words, in the order of bytes that the machine has. */
export function parseAuxv(auxv: Buffer, word: 4 | 8): Units {
  const read = (at: number): number => {
    const low = os.endianness() === 'LE' ? auxv.readUInt32LE(at) : auxv.readUInt32BE(at + word - 4)
    return low
  }
  const units = { ...USUAL }
  for (let at = 0; at + 2 * word <= auxv.length; at += 2 * word) {
    const value = read(at + word)
    if (read(at) === AT_PAGESZ && value > 0) units.pageSize = value
    if (read(at) === AT_CLKTCK && value > 0) units.ticksPerSecond = value
  }
  return units
}
