import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { SpinnerError } from '../errors.ts'
import { removeStale, unlinkSocket } from '../probe.ts'
import type { Sys } from '../sys.ts'
import type { Allocator } from '../types/plugin.ts'
import { MAX_PATH_BYTES, SocketFolder, shortHash } from './socket-folder.ts'

/** Allocates Unix sockets in a folder that only this user can write to, or named pipes on Windows. */
export class SocketAllocator implements Allocator {
  readonly #sys: Sys
  readonly #folder: SocketFolder
  /** Names of children by their socket path. */
  readonly #owners = new Map<string, string>()
  readonly #pipes = `\\\\.\\pipe\\spinner-${randomUUID()}`
  readonly #removals = new Set<Promise<void>>()

  /** `beforeCreate` is called before a private folder is created; null if the folder must outlive the host. */
  constructor(
    sys: Sys,
    runtimeDir: string | null,
    beforeCreate: ((folder: string) => void) | null = () => {},
  ) {
    this.#sys = sys
    this.#folder = new SocketFolder(sys, runtimeDir, beforeCreate)
  }

  /** Returns the folder of the sockets. Creates it at the first call. */
  folder(): string {
    return this.#folder.path()
  }

  async allocate(name: string): Promise<string> {
    if (this.#sys.platform === 'win32') return `${this.#pipes}-${shortHash(name, 16)}`
    const socket = this.#pathOf(name)
    const occupant = await removeStale(this.#sys, socket)
    if (occupant !== null) throw occupiedError(socket, occupant)
    return socket
  }

  /** Removes the socket that the child left, unless another process listens on it by now. */
  release(socket: string): Promise<void> | undefined {
    if (this.#folder.isPrivate(socket)) return unlinkSocket(this.#sys.fs, socket)
    const removal = removeStale(this.#sys, socket).then(() => {})
    this.#removals.add(removal)
    return removal.finally(() => this.#removals.delete(removal))
  }

  /**
   * Removes a socket in a folder that other hosts may use, if nothing listens on it. In a private folder, `release()`
   * removes sockets without such a check. Never rejects.
   */
  async clean(socket: string): Promise<void> {
    if (!this.#folder.isPrivate(socket) && this.#sys.platform !== 'win32')
      await removeStale(this.#sys, socket).catch(() => {})
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#removals)
    await this.#folder.remove()
  }

  /** Returns a short path that is the same at each start of the child. Names with the same hash get longer paths. */
  #pathOf(name: string): string {
    for (let length = 8; length <= 64; length += 8) {
      const socket = path.join(this.folder(), `${shortHash(name, length)}.sock`)
      const owner = this.#owners.get(socket)
      if (owner !== undefined && owner !== name) continue
      if (Buffer.byteLength(socket) > MAX_PATH_BYTES) throw tooLongError(socket, name)
      this.#owners.set(socket, name)
      return socket
    }
    throw tooLongError(this.folder(), name)
  }
}

const occupiedError = (socket: string, why: string): SpinnerError =>
  new SpinnerError('ERR_SPINNER_FOREIGN_LISTENER', `The socket '${socket}' cannot be used: ${why}.`)

const tooLongError = (socket: string, child: string): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_INVALID_OPTION',
    `The socket path '${socket}' is ${Buffer.byteLength(socket)} bytes long, but the maximum is ${MAX_PATH_BYTES}; use a shorter \`runtimeDir\`.`,
    { child },
  )
