import { codeOf } from '../errors.ts'
import { isListener, type Listener, parseTcp, parseUnix, readStats, socketsOf } from '../process/procfs.ts'
import type { Sys, Target } from '../sys.ts'

/** Whose socket it is that listens on an address. `unknown`: this system does not let us look. */
export type Owner = 'ours' | 'foreign' | 'nobody' | 'unknown'

/**
 * Whether the process that listens at `target` belongs to the group of `pgid` or descends from it. Something that
 * merely answers may be anybody (HAZARDS H34).
 */
export async function ownerOf(sys: Sys, target: Target, pgid: number): Promise<Owner> {
  if (sys.platform !== 'linux') return 'unknown'
  try {
    const inodes = await listeningInodes(sys, target)
    if (inodes.length === 0) return 'nobody'
    const holds = (pid: number): boolean => {
      const held = socketsOf(sys, pid)
      return inodes.some((inode) => held.has(inode))
    }
    if (holds(pgid)) return 'ours'
    const family = familyOf(sys, pgid)
    if (family.some(holds)) return 'ours'
    return [pgid, ...family].some((pid) => isHidden(sys, pid)) ? 'unknown' : 'foreign'
  } catch {
    return 'unknown'
  }
}

/** Ports on which the group of `pgid`, or a descendant, does listen. */
export async function portsOf(sys: Sys, pgid: number): Promise<number[]> {
  if (sys.platform !== 'linux') return []
  try {
    const held = new Set([pgid, ...familyOf(sys, pgid)].flatMap((pid) => [...socketsOf(sys, pid)]))
    const ports = (await tcpListeners(sys)).filter(({ inode }) => held.has(inode)).map(({ port }) => port)
    return [...new Set(ports)].sort((a, b) => a - b)
  } catch {
    return []
  }
}

/** What another user's process holds cannot be seen, nor what one holds that changed its user. */
function isHidden(sys: Sys, pid: number): boolean {
  try {
    sys.fs.readdirSync(`/proc/${pid}/fd`)
    return false
  } catch (thrown) {
    return codeOf(thrown) !== 'ENOENT'
  }
}

async function listeningInodes(sys: Sys, target: Target): Promise<string[]> {
  if ('socketPath' in target)
    return parseUnix(sys.fs.readFileSync('/proc/net/unix', 'utf8'), target.socketPath)
  const ofPort = (await tcpListeners(sys)).filter(({ port }) => port === target.port)
  for (const hosts of target.host === '::1' ? REACHED_BY_IPV6 : REACHED_BY_IPV4) {
    const inodes = ofPort.filter(({ host }) => hosts.includes(host)).map(({ inode }) => inode)
    if (inodes.length > 0) return inodes
  }
  return []
}

/** Who gets a connection, in the order in which the kernel chooses: one may listen on ::1, another on 127.0.0.1. */
const REACHED_BY_IPV4 = [['127.0.0.1', '0000:0000:0000:0000:0000:ffff:7f00:0001'], ['0.0.0.0'], ['::']]
const REACHED_BY_IPV6 = [['::1'], ['::']]

async function tcpListeners(sys: Sys): Promise<Listener[]> {
  const six = readTable(sys, '/proc/net/tcp6').catch(() => '')
  return [...parseTcp(await readTable(sys, '/proc/net/tcp')), ...parseTcp(await six)]
}

/** The kernel gives a page at a time, and no part of a row. */
const PAGE = 4_096
const LONGEST_ROW = 256

/**
 * The listeners of a kernel table, read off the event loop. Each read walks the sockets of the machine, a millisecond
 * or two, so as few are made as can be: listeners come first, and a page with room for another row was the last.
 */
async function readTable(sys: Sys, file: string): Promise<string> {
  const { fs } = sys
  const descriptor = fs.openSync(file, 'r')
  const buffer = Buffer.allocUnsafe(PAGE)
  const readPage = (): Promise<number> =>
    new Promise((resolve, reject) => {
      fs.read(descriptor, buffer, 0, PAGE, null, (error, size) => {
        if (error) reject(error)
        else resolve(size)
      })
    })
  try {
    for (let text = ''; ; ) {
      const size = await readPage()
      text += buffer.toString('latin1', 0, size)
      if (size < PAGE - LONGEST_ROW || !isListener(text.slice(text.lastIndexOf('\n', text.length - 2) + 1)))
        return text
    }
  } finally {
    fs.closeSync(descriptor)
  }
}

function familyOf(sys: Sys, pgid: number): number[] {
  const stats = readStats(sys)
  const family = new Set([pgid])
  for (let size = 0; size !== family.size; ) {
    size = family.size
    for (const stat of stats) if (stat.pgrp === pgid || family.has(stat.ppid)) family.add(stat.pid)
  }
  family.delete(pgid)
  return [...family]
}
