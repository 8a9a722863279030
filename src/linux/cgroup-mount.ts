import path from 'node:path'
import type { Sys } from '../sys.ts'

/** A mount of the cgroup2 tree: which folder of the tree it shows, and where. */
export interface CgroupMount {
  readonly root: string
  readonly point: string
}

/** The mounts of type cgroup2, from `/proc/<pid>/mountinfo`. See proc_pid_mountinfo(5). */
export function parseCgroupMounts(text: string): CgroupMount[] {
  const mounts: CgroupMount[] = []
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ', 2)
    const [, , , root, point] = before.split(' ')
    if (!after.startsWith('cgroup2 ') || !root?.startsWith('/') || !point?.startsWith('/')) continue
    mounts.push({ root: unescaped(root), point: unescaped(point) })
  }
  return mounts
}

/** Blanks, line ends and backslashes stand there as three octal digits. */
const unescaped = (field: string): string =>
  field.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** The path of a process in the cgroup2 tree, from `/proc/<pid>/cgroup`. */
export function parseCgroupPath(text: string): string | null {
  const line = text.split('\n').find((row) => row.startsWith('0::/'))
  return line?.slice('0::'.length) ?? null
}

/** Where a mount shows a cgroup; null where it shows another part of the tree. */
export function folderIn({ root, point }: CgroupMount, cgroup: string): string | null {
  const above = root === '/' ? '' : root
  // With `..` the path leads out of what our namespace shows, and nobody can say under which name.
  if (cgroup.split('/').includes('..') || !`${cgroup}/`.startsWith(`${above}/`)) return null
  const below = cgroup === '/' ? '' : cgroup.slice(above.length)
  return path.posix.join(point, below)
}

/** The pids of a `cgroup.procs`. A process of a PID namespace that is not ours is a 0 there. */
export function parsePids(text: string): number[] {
  return text.split('\n').flatMap((line) => (/^[1-9]\d{0,9}$/.test(line) ? [Number(line)] : []))
}

/** The folder of the host's cgroup; null where there is no cgroup2, or none that can be written. */
export function ownCgroup(sys: Sys): string | null {
  if (sys.platform !== 'linux') return null
  return nullIfFails(() => {
    const cgroup = parseCgroupPath(sys.fs.readFileSync('/proc/self/cgroup', 'utf8'))
    if (cgroup === null) return null
    const mounts = parseCgroupMounts(sys.fs.readFileSync('/proc/self/mountinfo', 'utf8'))
    const folders = mounts.map((mount) => folderIn(mount, cgroup))
    return folders.find((found) => found !== null && isUsable(sys, found)) ?? null
  })
}

/** Who moves itself must be able to write to the cgroup that it leaves too. The host's pid proves that it is the host's. */
function isUsable(sys: Sys, folder: string): boolean {
  const procs = path.posix.join(folder, 'cgroup.procs')
  const pids = nullIfFails(() => {
    sys.fs.accessSync(folder, sys.fs.constants.W_OK)
    sys.fs.accessSync(procs, sys.fs.constants.W_OK)
    return parsePids(sys.fs.readFileSync(procs, 'utf8'))
  })
  return pids?.includes(sys.pid) ?? false
}

/** What `look` gives, or null when it throws. */
export function nullIfFails<Value>(look: () => Value): Value | null {
  try {
    return look()
  } catch {
    return null
  }
}
