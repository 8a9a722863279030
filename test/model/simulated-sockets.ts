import { EventEmitter } from 'node:events'
import path from 'node:path'
import type { SimulatedProcess } from './simulated-process.ts'

/** A socket in the file system. It stays when its process stops listening, and may have several names. */
interface Node {
  readonly ino: number
  readonly owner: SimulatedProcess
}

export const errnoError = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code })

/** The folders and sockets of the simulated world. */
export class SimulatedSockets {
  readonly #names = new Map<string, Node>()
  readonly #folders = new Set(['/nowhere'])
  readonly #taken = new Map<string, SimulatedProcess>()
  #inodes = 100

  /** The paths of all sockets. */
  get names(): string[] {
    return [...this.#names.keys()]
  }

  has(file: string): boolean {
    return this.#names.has(file) || this.#folders.has(file)
  }

  /** Returns the process that has bound the socket with this name. */
  ownerOf(file: string): SimulatedProcess | null {
    return this.#names.get(file)?.owner ?? null
  }

  /** Removes a socket as a cleanup job for temporary files does. */
  take(file: string): void {
    const node = this.#names.get(file)
    if (node) this.#taken.set(file, node.owner)
    this.#names.delete(file)
  }

  /** Returns the process that the name leads to, or led to before the cleanup job removed it. */
  servantOf(file: string): SimulatedProcess | null {
    return this.ownerOf(file) ?? this.#taken.get(file) ?? null
  }

  /** Binds the path in the PORT of a process. Returns what prevents it; `null` if nothing does. */
  bind(owner: SimulatedProcess): string | null {
    const { groupState, port } = owner
    if (port === null || !groupState.leader || groupState.isKilled || owner.bound) return null
    if (this.#names.has(port)) return `${port} was taken`
    owner.bound = true
    this.#names.set(port, { ino: this.#inodes++, owner })
    return null
  }

  /** Closes the server of a process. It removes the path that it has bound, even if another socket is there by now. */
  close({ bound, port }: SimulatedProcess): void {
    if (bound && port !== null) this.#names.delete(port)
  }

  /** The functions of `node:fs` that spinner uses for sockets. */
  readonly fs: Record<string, unknown> = {
    constants: { W_OK: 2, X_OK: 1 },
    accessSync: (file: string) => void this.#known(file),
    mkdirSync: (folder: string) => void this.#folders.add(folder),
    lstatSync: (file: string, options?: { throwIfNoEntry: boolean }) => {
      const node = this.#names.get(file)
      if (node) return { isSocket: () => true, ino: node.ino, dev: 1 }
      if (options?.throwIfNoEntry === false) return undefined
      throw errnoError('ENOENT')
    },
    unlinkSync: (file: string) => void (this.#node(file) && this.#names.delete(file)),
    linkSync: (from: string, to: string) => {
      if (this.#names.has(to)) throw errnoError('EEXIST')
      this.#names.set(to, this.#node(from))
    },
    renameSync: (from: string, to: string) => {
      const node = this.#node(from)
      // rename(2) does nothing if both names lead to the same file.
      if (this.#names.get(to) === node) return
      this.#names.set(to, node)
      this.#names.delete(from)
    },
    rmSync: (folder: string) => {
      this.#folders.delete(folder)
      for (const name of this.names) if (path.dirname(name) === folder) this.#names.delete(name)
    },
  }

  connect(file: string): EventEmitter {
    const node = this.#names.get(file)
    const socket = new SimulatedConnection()
    queueMicrotask(() => {
      socket.connecting = false
      if (node?.owner.groupState.leader) socket.emit('connect')
      else socket.emit('error', errnoError(node ? 'ECONNREFUSED' : 'ENOENT'))
    })
    return socket
  }

  #node(file: string): Node {
    const node = this.#names.get(file)
    if (!node) throw errnoError('ENOENT')
    return node
  }

  #known(file: string): void {
    if (!this.has(file)) throw errnoError('ENOENT')
  }
}

class SimulatedConnection extends EventEmitter {
  connecting = true
  destroy(): void {}
  setTimeout(): void {}
  resume(): void {}
  unref(): void {}
  end(): void {}
}
