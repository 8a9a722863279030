import { codeOf } from '../errors.ts'
import type { Sys } from '../sys.ts'

/** What `/proc/<pid>/stat` says that matters here. See proc(5). */
export interface Stat {
  readonly pid: number
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  /** When it began, in clock ticks since the machine did; `NaN`, which equals nothing, where that is cut off. */
  readonly start: number
}

/** Field 22 of the line, counted from the state, which is the third. */
const START = 19

/** The name of a program may hold spaces and brackets, so the fields count from the last `)`. */
export function parseStat(text: string): Stat | null {
  const close = text.lastIndexOf(')')
  const pid = Number.parseInt(text, 10)
  if (close < 0 || !Number.isSafeInteger(pid)) return null
  const fields = text.slice(close + 2).split(' ', START + 1)
  const [state = '', ppid, pgrp] = fields
  const start = Number.parseInt(fields[START] ?? '', 10)
  const parsed = { pid, state, ppid: Number(ppid), pgrp: Number(pgrp), start }
  return Number.isSafeInteger(parsed.ppid) && Number.isSafeInteger(parsed.pgrp) ? parsed : null
}

/** A row of `/proc/net/tcp` or `tcp6` whose socket listens. */
export interface ListeningSocket {
  readonly port: number
  readonly host: string
  readonly inode: string
}

const LISTEN = '0A'

/** Whether a row of such a table is that of a listener. */
export const isListener = (row: string): boolean => row.trim().split(/\s+/)[3] === LISTEN

export function parseTcp(text: string): ListeningSocket[] {
  const listeners: ListeningSocket[] = []
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    const [host, port] = (fields[1] ?? '').split(':')
    if (fields[3] !== LISTEN || !host || !port || !fields[9]) continue
    listeners.push({ host: parseHost(host), port: Number.parseInt(port, 16), inode: fields[9] })
  }
  return listeners
}

/** The kernel prints each 32-bit word of an address in the machine's own byte order: little-endian here. */
function parseHost(hex: string): string {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).reverse())
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.')
  const joined = bytes.join('').toLowerCase()
  if (/^0+$/.test(joined)) return '::'
  return /^0+1$/.test(joined) ? '::1' : (joined.match(/.{4}/g) ?? []).join(':')
}

/** The path is all that is left of the line: it may hold spaces. */
const UNIX_ROW = /^\S+: \S+ \S+ (\S+) \S+ \S+ +(\d+) (.*)$/

/** The flag of a socket that listens. */
const ACCEPTS = '00010000'

/** Inodes of the sockets that listen on `socketPath`, from `/proc/net/unix`. */
export function parseUnix(table: string, socketPath: string): string[] {
  const text = table.endsWith('\n') ? table : `${table}\n`
  const inodes: string[] = []
  // The table of a busy machine is long, so only rows that end with the path are looked at as rows.
  const end = ` ${socketPath}\n`
  for (let at = text.indexOf(end); at >= 0; at = text.indexOf(end, at + 1)) {
    const row = text.slice(text.lastIndexOf('\n', at) + 1, at + end.length - 1)
    const [, flags, inode, where] = UNIX_ROW.exec(row) ?? []
    if (flags === ACCEPTS && inode && where === socketPath) inodes.push(inode)
  }
  return inodes
}

const seen = new WeakMap<Sys, boolean>()

/**
 * Whether `/proc` tells of the processes that signals reach. In a pid namespace whose `/proc` was mounted outside,
 * its numbers are those of other processes.
 */
export function seesProcesses(sys: Sys): boolean {
  if (sys.platform !== 'linux') return false
  let sees = seen.get(sys)
  if (sees === undefined) {
    try {
      sees = sys.fs.readlinkSync('/proc/self') === String(sys.pid)
    } catch {
      return false
    }
    seen.set(sys, sees)
  }
  return sees
}

/** Pids of all processes that can be seen; throws when none can. */
export function readPids(sys: Sys): number[] {
  const entries = sys.fs.readdirSync('/proc')
  return entries.filter((entry) => entry >= '1' && entry <= '9~').map(Number)
}

/** It has ended since, or it is another user's. */
const UNREADABLE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])

/** Node reads a file in one call, and without a buffer of 64 KB, only when it is asked for this encoding. */
const AT_ONCE = 'utf8'

/** What a file of a process holds; null when there is none to be read. Out of descriptors, say, it throws. */
function readOf(sys: Sys, pid: number, file: string): string | null {
  try {
    return sys.fs.readFileSync(`/proc/${pid}/${file}`, AT_ONCE)
  } catch (thrown) {
    if (UNREADABLE.has(codeOf(thrown) ?? '')) return null
    throw thrown
  }
}

/** One process; null when it is not there, and thrown when that cannot be told. */
export function readStat(sys: Sys, pid: number): Stat | null {
  const text = readOf(sys, pid, 'stat')
  return text === null ? null : parseStat(text)
}

/** A variable of the environment that a process was started with; null when it has none of that name. */
export function readVariable(sys: Sys, pid: number, name: string): string | null {
  const environment = `\0${readOf(sys, pid, 'environ') ?? ''}`
  const at = environment.indexOf(`\0${name}=`)
  return at < 0 ? null : (environment.slice(at + name.length + 2).split('\0', 1)[0] ?? null)
}

/** Every process that can be seen; throws when none can. One look costs a millisecond per hundred processes. */
export function readStats(sys: Sys): Stat[] {
  const stats: Stat[] = []
  for (const pid of readPids(sys)) {
    try {
      const stat = parseStat(sys.fs.readFileSync(`/proc/${pid}/stat`, AT_ONCE))
      if (stat) stats.push(stat)
    } catch {
      // It ended while we looked.
    }
  }
  return stats
}

/** A zombie has no memory and no files; it only waits for its parent to ask how it ended. */
export const isAlive = (stat: Pick<Stat, 'state'>): boolean => stat.state !== 'Z' && stat.state !== 'X'

/** Inodes of the sockets that a process holds, in descriptors from `first` on. */
export function socketsOf(sys: Sys, pid: number, first = 0): Set<string> {
  const inodes = new Set<string>()
  try {
    for (const fd of sys.fs.readdirSync(`/proc/${pid}/fd`)) {
      if (Number(fd) < first) continue
      try {
        const match = /^socket:\[(\d+)\]$/.exec(sys.fs.readlinkSync(`/proc/${pid}/fd/${fd}`))
        if (match) inodes.add(match[1] as string)
      } catch {
        // The descriptor was closed while we looked.
      }
    }
  } catch {
    // It ended, or it is another user's.
  }
  return inodes
}

/**
 * Returns true if a number may be signalled as a process group: 0, 1 and the pid of the host would reach others
 * (docs/hazards.md#h4).
 */
export function isSafeGroup(sys: Sys, pgid: unknown): pgid is number {
  return typeof pgid === 'number' && Number.isSafeInteger(pgid) && pgid > 1 && pgid !== sys.pid
}
