import { unlinkSocket } from '../probe.ts'
import type { Sys } from '../sys.ts'

/** More than live side by side at any time; the numbers are used over and over, so that little can be left behind. */
const NUMBERS = 10

/** Whether the process before can be reached again: it need not be, it lies by another name, or its name is gone. */
type Former = 'none' | 'kept' | 'lost'

/**
 * How processes follow one another at one socket without a moment in which nobody listens
 * (docs/hazards.md#e15b). Each binds a path of its own, which is renamed over the socket when it is ready.
 * None binds the socket itself: a server removes the path that it has bound when it closes (libuv's
 * uv__pipe_close), and would take the next one's away.
 */
export class SocketHandover {
  readonly socket: string
  readonly #sys: Sys
  readonly #spare: string
  #number = 0
  #next: string | null = null
  /** The numbers of the process that the socket leads to, and of the one before. */
  #serving = -1
  #before = -1
  #former: Former = 'none'
  #leads = true

  constructor(sys: Sys, socket: string) {
    this.#sys = sys
    this.socket = socket
    this.#spare = beside(socket, 'f')
    // A host that died with the same folder may have left some.
    this.close()
  }

  /** Whether whoever serves is reached at the socket. A cleaner of temporary files may have taken it. */
  get isCurrent(): boolean {
    return this.#leads && this.#sys.fs.existsSync(this.socket)
  }

  /** A path for the next process. */
  path(): string {
    this.discard()
    do this.#number = (this.#number + 1) % NUMBERS
    while (this.#number === this.#serving || this.#number === this.#before)
    this.#next = this.#pathOf(this.#number)
    this.#remove(this.#next)
    return this.#next
  }

  /**
   * From now on the socket leads to the process that was given the last path. Throws when it does not listen there:
   * then all is as it was.
   */
  promote(keepsFormer: boolean): void {
    const next = this.#pathOf(this.#number)
    this.#former = keepsFormer ? this.#keepFormer() : 'none'
    try {
      this.#sys.fs.renameSync(next, this.socket)
    } catch (thrown) {
      if (!this.#sys.fs.existsSync(this.socket)) this.#comeBack()
      this.commit()
      throw thrown
    }
    this.#leads = true
    this.#next = null
    this.#before = this.#serving
    this.#serving = this.#number
  }

  /** The new one did not come up: the socket leads to the former one again, where that is possible. */
  rollback(): void {
    if (this.#former === 'none') return
    if (this.#former === 'kept') this.#comeBack()
    else this.#leads = false
    this.#former = 'none'
    this.#serving = this.#before
  }

  /** The process that was given the last path has ended, or was never there. */
  discard(): void {
    this.#remove(this.#next)
    this.#next = null
  }

  /** The former one will not be wanted again. */
  commit(): void {
    if (this.#former === 'kept') this.#remove(this.#spare)
    this.#former = 'none'
  }

  /** Removes all that lies beside the socket. */
  close(): void {
    for (let number = 0; number < NUMBERS; number++) this.#remove(this.#pathOf(number))
    this.#remove(this.#spare)
    this.#former = 'none'
    this.#next = null
  }

  #keepFormer(): Former {
    const { fs } = this.#sys
    this.#remove(this.#spare)
    try {
      fs.linkSync(this.socket, this.#spare)
      return 'kept'
    } catch {
      // Not every file system has hard links. This way nobody is reached until the rename that follows at once.
    }
    try {
      fs.renameSync(this.socket, this.#spare)
      return 'kept'
    } catch {
      return 'lost'
    }
  }

  #comeBack(): void {
    try {
      this.#sys.fs.renameSync(this.#spare, this.socket)
    } catch {
      this.#leads = false
    }
    // Where both names are those of one socket, rename(2) leaves both.
    this.#remove(this.#spare)
  }

  #pathOf(number: number): string {
    return beside(this.socket, String(number))
  }

  #remove(file: string | null): void {
    if (file !== null) unlinkSocket(this.#sys.fs, file)
  }
}

/** Still a name that ends as those of sockets do: by that the watchdog knows what to remove. */
const beside = (socket: string, mark: string): string => socket.replace(/\.sock$/, `.${mark}.sock`)
