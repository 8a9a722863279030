import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Spinner } from '../../src/types/spinner.ts'

/** The resources that the host holds while none of its children runs. */
export interface Reading {
  /** The target of each open descriptor. */
  readonly descriptors: readonly string[]
  readonly resources: readonly string[]
  readonly listeners: number
  readonly zombies: number
  readonly processes: number
  readonly files: number
  /** Bytes; 0 if the garbage collector cannot be called. */
  readonly heap: number
  readonly rss: number
}

/** The spinner that is measured. */
export interface Subject {
  readonly spinner: Spinner
  /** Folder of its sockets. */
  readonly folder: string
  /** Text in the environment of each of its processes. */
  readonly mark: string
}

const LOOK_MS = 100
/** Number of equal readings in a row. A closed connection may hold a descriptor for a while. */
const QUIET_LOOKS = 15
const MOST_LOOKS = 100

/** Waits until the resources do not change any more, or are the same as in `before`, and returns a reading. */
export async function readAtRest(subject: Subject, before: Reading | null): Promise<Reading> {
  const wanted = before && fingerprint(before)
  let last = ''
  for (let look = 0, quiet = 0; look < MOST_LOOKS && quiet < QUIET_LOOKS; look++) {
    const now = fingerprint(held(subject))
    if (now === wanted) break
    quiet = now === last ? quiet + 1 : 0
    last = now
    await pause(LOOK_MS)
  }
  const { spinner } = subject
  const heap = collect()
  return { ...held(subject), listeners: listenersOf(spinner), heap, rss: process.memoryUsage.rss() }
}

/** The resources that may still be released. */
type Held = Pick<Reading, 'descriptors' | 'resources' | 'zombies' | 'processes' | 'files'>

const fingerprint = ({ descriptors, resources, zombies, processes, files }: Held): string =>
  JSON.stringify([descriptors.length, resources, zombies, processes, files])

function held({ folder, mark }: Subject): Held {
  const resources = process.getActiveResourcesInfo().sort()
  const descriptors = readdirSync('/proc/self/fd').flatMap(target)
  const seen = all()
  return {
    descriptors,
    resources,
    zombies: seen.filter(({ state, parent }) => state === 'Z' && parent === process.pid).length,
    processes: seen.filter(({ environment }) => environment.includes(mark)).length,
    files: existsSync(folder) ? readdirSync(folder).length : 0,
  }
}

function target(descriptor: string): string[] {
  try {
    return [readlinkSync(`/proc/self/fd/${descriptor}`).replace(/\d+/g, '')]
  } catch {
    // This descriptor was used to read the folder, and is closed.
    return []
  }
}

/** Collects garbage twice, because the first collection may make further objects collectable. */
function collect(): number {
  if (!globalThis.gc) return 0
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

const EVENTS = [
  'started',
  'restarted',
  'stopped',
  'faulted',
  'error',
  'state',
  'output',
  'exit',
  'message',
] as const

function listenersOf(spinner: Spinner): number {
  const emitters = [spinner, ...Object.keys(spinner.list()).map((name) => spinner.child(name))]
  const ours = emitters.flatMap((emitter) => EVENTS.map((event) => emitter?.listenerCount(event) ?? 0))
  const ofProcess = process.eventNames().map((event) => process.listenerCount(event))
  return [...ours, ...ofProcess].reduce((sum, count) => sum + count, 0)
}

interface Seen {
  readonly state: string
  readonly parent: number
  readonly environment: string
}

function look(pid: string): Seen[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const environment = state === 'Z' ? '' : readFileSync(`/proc/${pid}/environ`, 'utf8')
    return [{ state, parent: Number(parent), environment }]
  } catch {
    // The process has exited meanwhile.
    return []
  }
}

const all = (): Seen[] => readdirSync('/proc').flatMap((pid) => (/^\d/.test(pid) ? look(pid) : []))

/** Returns the number of child processes of this program. */
export const childrenOfThis = (): number => all().filter(({ parent }) => parent === process.pid).length

/** Waits until at most `wanted` child processes are left, because a watchdog takes a moment to exit. Returns their number. */
export async function childrenLeft(wanted: number): Promise<number> {
  for (let look = 0; look < MOST_LOOKS && childrenOfThis() > wanted; look++) await pause(LOOK_MS)
  return childrenOfThis()
}
