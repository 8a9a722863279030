import type { FSWatcher } from 'node:fs'
import path from 'node:path'
import type { Sys } from '../sys.ts'

/** Events can be missed (another file system, a limit reached), so each wait also ends by itself. */
const LONGEST_WAIT_MS = 25

type Wake = () => void

interface Watched {
  readonly watcher: FSWatcher | null
  readonly waiting: Map<string, Set<Wake>>
}

/** One watcher for each folder of sockets, open only while somebody waits for one there. */
export class SocketWatch {
  readonly #sys: Sys
  readonly #folders = new Map<string, Watched>()

  constructor(sys: Sys) {
    this.#sys = sys
  }

  /** Resolves when something happened to `socket`, or when it is time to look again anyway. */
  next(socket: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#leave(socket, wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#enter(socket, wake)
      signal.addEventListener('abort', wake, { once: true })
      void this.#sys.pause(LONGEST_WAIT_MS).then(wake)
    })
  }

  #enter(socket: string, wake: Wake): void {
    const folder = path.dirname(socket)
    const watched = this.#folders.get(folder) ?? this.#watch(folder)
    const waiting = watched.waiting.get(socket) ?? new Set()
    watched.waiting.set(socket, waiting.add(wake))
  }

  #leave(socket: string, wake: Wake): void {
    const folder = path.dirname(socket)
    const watched = this.#folders.get(folder)
    const waiting = watched?.waiting.get(socket)
    if (!watched || !waiting?.delete(wake) || waiting.size > 0) return
    watched.waiting.delete(socket)
    if (watched.waiting.size > 0) return
    watched.watcher?.close()
    this.#folders.delete(folder)
  }

  #watch(folder: string): Watched {
    const waiting = new Map<string, Set<Wake>>()
    const watched = { watcher: this.#open(folder, waiting), waiting }
    this.#folders.set(folder, watched)
    return watched
  }

  /** Without a watcher each wait ends by itself. */
  #open(folder: string, waiting: ReadonlyMap<string, Set<Wake>>): FSWatcher | null {
    try {
      const watcher = this.#sys.fs.watch(folder, { persistent: false }, (_event, file) => {
        for (const wake of [...(waiting.get(path.join(folder, file ?? '')) ?? [])]) wake()
      })
      return watcher.on('error', () => watcher.close())
    } catch {
      return null
    }
  }
}
