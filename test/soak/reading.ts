import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Spinner } from '../../src/types/spinner.ts'

/** What a host holds at a moment in which none of its children runs. */
export interface Reading {
  /** What each open descriptor leads to. */
  readonly descriptors: readonly string[]
  readonly resources: readonly string[]
  readonly listeners: number
  readonly zombies: number
  readonly processes: number
  readonly files: number
  /** Bytes; 0 where the collector cannot be called. */
  readonly heap: number
  readonly rss: number
}

/** What is read. */
export interface Subject {
  readonly spinner: Spinner
  /** The folder of its sockets. */
  readonly folder: string
  /** What the environment of each of its processes holds. */
  readonly mark: string
}

const LOOK_MS = 100
/** A descriptor may be held as long as a connection that was hung up is waited for. */
const QUIET_LOOKS = 15
const MOST_LOOKS = 100

/** Waits until nothing moves any more, or until what is held is what was held at `before`, and reads it. */
export async function readAtRest(subject: Subject, before: Reading | null): Promise<Reading> {
  const wanted = before && movable(before)
  let last = ''
  for (let look = 0, quiet = 0; look < MOST_LOOKS && quiet < QUIET_LOOKS; look++) {
    const now = movable(held(subject))
    if (now === wanted) break
    quiet = now === last ? quiet + 1 : 0
    last = now
    await pause(LOOK_MS)
  }
  const { spinner } = subject
  const heap = collect()
  return { ...held(subject), listeners: listenersOf(spinner), heap, rss: process.memoryUsage.rss() }
}

/** What may still be on its way out. */
type Held = Pick<Reading, 'descriptors' | 'resources' | 'zombies' | 'processes' | 'files'>

const movable = ({ descriptors, resources, zombies, processes, files }: Held): string =>
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
    // The one that the folder itself was read with.
    return []
  }
}

/** Twice, since what the first finds may only then be let go of. */
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
    // It ended while we looked.
    return []
  }
}

const all = (): Seen[] => readdirSync('/proc').flatMap((pid) => (/^\d/.test(pid) ? look(pid) : []))

/** How many processes this one has, whatever they are. */
export const childrenOfThis = (): number => all().filter(({ parent }) => parent === process.pid).length

/** How many there are in the end, where there should be `wanted`: a watchdog that was told to go takes a moment. */
export async function childrenLeft(wanted: number): Promise<number> {
  for (let look = 0; look < MOST_LOOKS && childrenOfThis() > wanted; look++) await pause(LOOK_MS)
  return childrenOfThis()
}
