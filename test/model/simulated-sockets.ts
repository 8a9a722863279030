import { EventEmitter } from 'node:events'
import path from 'node:path'
import type { SimulatedProcess } from './simulated-process.ts'

/** A socket in the file system: it stays when nobody listens any more, and may have several names. */
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

  /** All names that there are. */
  get names(): string[] {
    return [...this.#names.keys()]
  }

  has(file: string): boolean {
    return this.#names.has(file) || this.#folders.has(file)
  }

  /** Who has bound what a name leads to. */
  ownerOf(file: string): SimulatedProcess | null {
    return this.#names.get(file)?.owner ?? null
  }

  /** A cleaner of temporary files takes it. */
  take(file: string): void {
    const node = this.#names.get(file)
    if (node) this.#taken.set(file, node.owner)
    this.#names.delete(file)
  }

  /** Who would be reached there if nobody had taken it. */
  servantOf(file: string): SimulatedProcess | null {
    return this.ownerOf(file) ?? this.#taken.get(file) ?? null
  }

  /** A process binds the path that it was told. Answers what stands in its way. */
  bind(owner: SimulatedProcess): string | null {
    const { life, port } = owner
    if (port === null || !life.leader || life.isKilled || owner.bound) return null
    if (this.#names.has(port)) return `${port} was taken`
    owner.bound = true
    this.#names.set(port, { ino: this.#inodes++, owner })
    return null
  }

  /** A server that closes removes the path that it has bound, whatever stands there by now. */
  close({ bound, port }: SimulatedProcess): void {
    if (bound && port !== null) this.#names.delete(port)
  }

  /** The part of `node:fs` that sockets are handled with. */
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
      // Two names of one file: rename(2) does nothing.
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
      if (node?.owner.life.leader) socket.emit('connect')
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
