import { unlinkSocket } from '../probe.ts'
import type { Sys } from '../sys.ts'

/** More than the number of processes at one time. Numbers are reused, so that a dead host leaves few files behind. */
const NUMBERS = 10

/** State of the previous process's socket: not needed, available under another name, or without a name. */
type Previous = 'none' | 'kept' | 'lost'

/**
 * Hands a socket from one process to the next, so that at every moment a process listens there
 * (docs/hazards.md#e15b). Each process binds a path of its own, which is renamed over the socket when the process is
 * ready. None binds the socket itself, because a server removes the path that it has bound when it closes (libuv's
 * uv__pipe_close), and would remove the socket of the next process.
 */
export class SocketHandover {
  readonly socket: string
  readonly #sys: Sys
  /** Second name for the socket of the previous process, while that process may be needed again. */
  readonly #keptPath: string
  #nextNumber = 0
  #nextPath: string | null = null
  #currentNumber = -1
  #previousNumber = -1
  #previous: Previous = 'none'
  #leadsToCurrent = true

  constructor(sys: Sys, socket: string) {
    this.#sys = sys
    this.socket = socket
    this.#keptPath = siblingPath(socket, 'f')
    // Remove files that a dead host with the same folder may have left.
    this.close()
  }

  /** True if the socket leads to the current process. A cleaner of temporary files may have removed it. */
  get isCurrent(): boolean {
    return this.#leadsToCurrent && this.#sys.fs.existsSync(this.socket)
  }

  /** Returns the path that the next process must bind. */
  nextPath(): string {
    this.discard()
    do this.#nextNumber = (this.#nextNumber + 1) % NUMBERS
    while (this.#nextNumber === this.#currentNumber || this.#nextNumber === this.#previousNumber)
    this.#nextPath = this.#pathOf(this.#nextNumber)
    this.#remove(this.#nextPath)
    return this.#nextPath
  }

  /**
   * Makes the socket lead to the process that was given the last path. With `keepsPrevious`, `rollback()` can undo it.
   * Throws if that process does not listen there; then nothing has changed.
   */
  promote(keepsPrevious: boolean): void {
    const next = this.#pathOf(this.#nextNumber)
    this.#previous = keepsPrevious ? this.#keepPrevious() : 'none'
    try {
      this.#sys.fs.renameSync(next, this.socket)
    } catch (thrown) {
      if (!this.#sys.fs.existsSync(this.socket)) this.#restorePrevious()
      this.commit()
      throw thrown
    }
    this.#leadsToCurrent = true
    this.#nextPath = null
    this.#previousNumber = this.#currentNumber
    this.#currentNumber = this.#nextNumber
  }

  /** Makes the socket lead to the previous process again, if that is possible. */
  rollback(): void {
    if (this.#previous === 'none') return
    if (this.#previous === 'kept') this.#restorePrevious()
    else this.#leadsToCurrent = false
    this.#previous = 'none'
    this.#currentNumber = this.#previousNumber
  }

  /** Removes the path of a next process that has ended or was never spawned. */
  discard(): void {
    this.#remove(this.#nextPath)
    this.#nextPath = null
  }

  /** Gives up the previous process: `rollback()` does nothing from now on. */
  commit(): void {
    if (this.#previous === 'kept') this.#remove(this.#keptPath)
    this.#previous = 'none'
  }

  /** Removes all paths except the socket itself. */
  close(): void {
    for (let number = 0; number < NUMBERS; number++) this.#remove(this.#pathOf(number))
    this.#remove(this.#keptPath)
    this.#previous = 'none'
    this.#nextPath = null
  }

  #keepPrevious(): Previous {
    const { fs } = this.#sys
    this.#remove(this.#keptPath)
    try {
      fs.linkSync(this.socket, this.#keptPath)
      return 'kept'
    } catch {
      // Rename instead on a file system without hard links. Until the rename that follows at once, no process is reached.
    }
    try {
      fs.renameSync(this.socket, this.#keptPath)
      return 'kept'
    } catch {
      return 'lost'
    }
  }

  #restorePrevious(): void {
    try {
      this.#sys.fs.renameSync(this.#keptPath, this.socket)
    } catch {
      this.#leadsToCurrent = false
    }
    // Remove it explicitly, because rename(2) keeps both names if they belong to the same socket.
    this.#remove(this.#keptPath)
  }

  #pathOf(number: number): string {
    return siblingPath(this.socket, String(number))
  }

  #remove(file: string | null): void {
    if (file !== null) unlinkSocket(this.#sys.fs, file)
  }
}

/** Returns a path that ends in `.sock` as well, because the watchdog recognises sockets by that. */
const siblingPath = (socket: string, label: string): string => socket.replace(/\.sock$/, `.${label}.sock`)
