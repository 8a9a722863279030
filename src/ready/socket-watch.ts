import type { FSWatcher } from 'node:fs'
import path from 'node:path'
import type { Sys } from '../sys.ts'

/** Bounds each wait, because file events can be missing: on some file systems, or when a limit is reached. */
const MAX_WAIT_MS = 25

type Wake = () => void

interface WatchedDirectory {
  /** Null if the directory cannot be watched: then each wait ends after its maximum time. */
  readonly watcher: FSWatcher | null
  readonly waiting: Map<string, Set<Wake>>
}

/** Shares one watcher for each directory of sockets. A watcher is open only while something waits for a socket there. */
export class SocketWatch {
  readonly #sys: Sys
  readonly #directories = new Map<string, WatchedDirectory>()

  constructor(sys: Sys) {
    this.#sys = sys
  }

  /** Resolves when `socket` changed, when the signal is aborted, or after a short time at the latest. */
  next(socket: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#removeWaiter(socket, wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#addWaiter(socket, wake)
      signal.addEventListener('abort', wake, { once: true })
      void this.#sys.pause(MAX_WAIT_MS).then(wake)
    })
  }

  #addWaiter(socket: string, wake: Wake): void {
    const directory = path.dirname(socket)
    const watched = this.#directories.get(directory) ?? this.#watch(directory)
    const waiting = watched.waiting.get(socket) ?? new Set()
    watched.waiting.set(socket, waiting.add(wake))
  }

  #removeWaiter(socket: string, wake: Wake): void {
    const directory = path.dirname(socket)
    const watched = this.#directories.get(directory)
    const waiting = watched?.waiting.get(socket)
    if (!watched || !waiting?.delete(wake) || waiting.size > 0) return
    watched.waiting.delete(socket)
    if (watched.waiting.size > 0) return
    watched.watcher?.close()
    this.#directories.delete(directory)
  }

  #watch(directory: string): WatchedDirectory {
    const waiting = new Map<string, Set<Wake>>()
    const watched = { watcher: this.#open(directory, waiting), waiting }
    this.#directories.set(directory, watched)
    return watched
  }

  #open(directory: string, waiting: ReadonlyMap<string, Set<Wake>>): FSWatcher | null {
    try {
      const watcher = this.#sys.fs.watch(directory, { persistent: false }, (_event, file) => {
        for (const wake of [...(waiting.get(path.join(directory, file ?? '')) ?? [])]) wake()
      })
      return watcher.on('error', () => watcher.close())
    } catch {
      return null
    }
  }
}
