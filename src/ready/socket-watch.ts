import type { FSWatcher } from 'node:fs'
import path from 'node:path'
import type { Sys } from '../sys.ts'

/** Events can be missed (another file system, a limit reached), so each wait also ends by itself. */
const LONGEST_WAIT_MS = 25
/** A socket appears when it is bound and accepts a moment later, when it listens. */
const BETWEEN_BIND_AND_LISTEN_MS = 1

type Wake = () => void

/** One watcher for the folder of all sockets, open only while somebody waits for one. */
export class SocketWatch {
  readonly #sys: Sys
  readonly #waiting = new Map<string, Set<Wake>>()
  #watcher: FSWatcher | null = null
  #folder: string | null = null

  constructor(sys: Sys) {
    this.#sys = sys
  }

  /** Resolves when something happened to `socket`, or when it is time to look again anyway. */
  next(socket: string, signal: AbortSignal): Promise<void> {
    if (this.#sys.fs.existsSync(socket)) return this.#sys.pause(BETWEEN_BIND_AND_LISTEN_MS)
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

  close(): void {
    this.#watcher?.close()
    this.#watcher = null
  }

  #enter(socket: string, wake: Wake): void {
    const waiting = this.#waiting.get(socket) ?? new Set()
    this.#waiting.set(socket, waiting.add(wake))
    this.#watch(path.dirname(socket))
  }

  #leave(socket: string, wake: Wake): void {
    const waiting = this.#waiting.get(socket)
    waiting?.delete(wake)
    if (waiting?.size === 0) this.#waiting.delete(socket)
  }

  #watch(folder: string): void {
    if (this.#watcher && this.#folder === folder) return
    this.close()
    try {
      this.#folder = folder
      this.#watcher = this.#sys.fs.watch(folder, { persistent: false }, (_event, file) => this.#wake(file))
      this.#watcher.on('error', () => this.close())
    } catch {
      // Without a watcher each wait ends by itself.
    }
  }

  #wake(file: string | null): void {
    if (file === null || this.#folder === null) return
    for (const wake of [...(this.#waiting.get(path.join(this.#folder, file)) ?? [])]) wake()
  }
}
