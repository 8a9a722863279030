import type { Sys } from '../sys.ts'
import { unlinkSocket } from './sockets.ts'

/** More than live side by side at any time; the numbers are used over and over, so that little can be left behind. */
const NUMBERS = 10

/**
 * How processes follow one another at one socket without a moment in which nobody listens (HAZARDS E15b). Each binds a
 * path of its own, which is renamed over the socket when it is ready. None binds the socket itself: a server removes the
 * path that it has bound when it closes (libuv's uv__pipe_close), and would take the next one's away.
 */
export class Succession {
  readonly socket: string
  readonly #sys: Sys
  #number = 0
  #next: string | null = null
  /** The one before, by another name, while it may have to come back. */
  #spare: string | null = null

  constructor(sys: Sys, socket: string) {
    this.#sys = sys
    this.socket = socket
  }

  /** A path for the next process. */
  path(): string {
    this.#remove(this.#next)
    this.#number = (this.#number + 1) % NUMBERS
    this.#next = beside(this.socket, String(this.#number))
    this.#remove(this.#next)
    return this.#next
  }

  /** From now on the socket leads to the process that was given the last path. Throws when it does not listen there. */
  settle(keepsFormer: boolean): void {
    const { fs } = this.#sys
    const next = this.#next as string
    if (keepsFormer) {
      this.#spare = beside(this.socket, 'f')
      this.#remove(this.#spare)
      fs.linkSync(this.socket, this.#spare)
    }
    fs.renameSync(next, this.socket)
    this.#next = null
  }

  /** The new one did not come up: the socket leads to the former one again. */
  undo(): void {
    try {
      if (this.#spare !== null) this.#sys.fs.renameSync(this.#spare, this.socket)
    } catch {
      // Somebody has emptied the folder: then there is nothing to lead back to.
    }
    this.#spare = null
    this.#remove(this.#next)
    this.#next = null
  }

  /** The former one will not be wanted again. */
  confirm(): void {
    this.#remove(this.#spare)
    this.#spare = null
  }

  /** Removes what lies beside the socket. */
  close(): void {
    this.confirm()
    this.#remove(this.#next)
    this.#next = null
  }

  #remove(file: string | null): void {
    if (file !== null) unlinkSocket(this.#sys.fs, file)
  }
}

/** Still a name that ends as those of sockets do: by that the watchdog knows what to remove. */
const beside = (socket: string, mark: string): string => socket.replace(/\.sock$/, `.${mark}.sock`)
