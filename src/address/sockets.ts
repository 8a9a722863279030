import { createHash, randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import path from 'node:path'
import { codeOf, SpinnerError } from '../errors.ts'
import { removeStale, unlinkSocket } from '../probe.ts'
import { atExit } from '../process/exit-hook.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { Allocator } from '../types/plugin.ts'

/**
 * Linux takes 107 bytes and macOS 103, and Node 20 cuts a longer path without a word (docs/hazards.md#h36).
 */
const LONGEST_PATH = 100
const WRITABLE_BY_OTHERS = 0o022
/** Everybody may write there, and remove what is their own: `/tmp`. */
const STICKY = 0o1000
const REMOVALS = 3
const BETWEEN_REMOVALS_MS = 50

/** Unix sockets in a folder that only this user can write to, or named pipes on Windows. */
export class SocketAllocator implements Allocator {
  readonly #sys: Sys
  readonly #wanted: string | null
  readonly #keepTidy: ((folder: string) => void) | null
  readonly #owners = new Map<string, string>()
  readonly #pipes = `\\\\.\\pipe\\spinner-${randomUUID()}`
  readonly #removals = new Set<Promise<void>>()
  #folder: string | null = null
  /** Set when the folder is ours to remove. */
  #stay: (() => void) | null = null
  /** A named folder that was not there before. */
  #isMade = false

  /** `keepTidy` is told of a folder of our own before it is made; null where it shall outlive the host. */
  constructor(sys: Sys, runtimeDir: string | null, keepTidy: ((folder: string) => void) | null = () => {}) {
    this.#sys = sys
    this.#wanted = runtimeDir
    this.#keepTidy = keepTidy
  }

  /** The folder of the sockets, made at the first call. */
  folder(): string {
    // A cleaner of temporary files may have taken it.
    if (this.#folder !== null && !this.#sys.fs.existsSync(this.#folder)) this.#folder = null
    this.#folder ??= this.#wanted === null ? this.#makePrivate() : this.#makeNamed(this.#wanted)
    return this.#folder
  }

  async allocate(name: string): Promise<string> {
    if (this.#sys.platform === 'win32') return `${this.#pipes}-${slug(name, 16)}`
    const socket = this.#pathOf(name)
    await this.#removeStale(socket)
    return socket
  }

  /** Removes what the child left; what somebody else listens on by now stays. */
  release(socket: string): Promise<void> | undefined {
    if (this.isPrivate(socket)) return unlinkSocket(this.#sys.fs, socket)
    const removal = removeStale(this.#sys, socket).then(() => {})
    this.#removals.add(removal)
    return removal.finally(() => this.#removals.delete(removal))
  }

  /** Removes a socket that nobody listens on any more, where that takes a look; never rejects. */
  async clean(socket: string): Promise<void> {
    if (!this.isPrivate(socket) && this.#sys.platform !== 'win32')
      await removeStale(this.#sys, socket).catch(() => {})
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#removals)
    if (this.#folder === null) return
    if (this.#stay === null) {
      if (this.#isMade) removeEmpty(this.#sys.fs, this.#folder)
      return
    }
    for (let tries = 0; tries < REMOVALS; tries++) {
      if (removeFolder(this.#sys.fs, this.#folder)) return this.#stay()
      await this.#sys.pause(BETWEEN_REMOVALS_MS)
    }
    // It is tried once more when the host ends.
  }

  /** Whether an address lies in a folder that was made for this host alone. */
  isPrivate(address: Address): boolean {
    return this.#stay !== null && typeof address === 'string' && path.dirname(address) === this.#folder
  }

  /** Short, and the same for a name at each start; two names that hash alike get longer ones. */
  #pathOf(name: string): string {
    for (let length = 8; length <= 64; length += 8) {
      const socket = path.join(this.folder(), `${slug(name, length)}.sock`)
      const owner = this.#owners.get(socket)
      if (owner !== undefined && owner !== name) continue
      if (Buffer.byteLength(socket) > LONGEST_PATH) throw tooLong(socket, name)
      this.#owners.set(socket, name)
      return socket
    }
    throw tooLong(this.folder(), name)
  }

  async #removeStale(socket: string): Promise<void> {
    const found = await removeStale(this.#sys, socket)
    if (found !== null) throw taken(socket, found)
  }

  /** The host may die at any moment: who is to remove the folder knows of it before it is there. */
  #makePrivate(): string {
    const { fs } = this.#sys
    const folder = path.join(baseOf(this.#sys), `spinner-${randomUUID().slice(-12)}`)
    this.#keepTidy?.(folder)
    try {
      fs.mkdirSync(folder, { mode: 0o700 })
    } catch (thrown) {
      throw noPlace(path.dirname(folder), thrown)
    }
    this.#stay = this.#keepTidy ? atExit(() => removeFolder(fs, folder)) : () => {}
    return folder
  }

  #makeNamed(wanted: string): string {
    const folder = path.resolve(wanted)
    const stat = this.#makeFolder(folder)
    if (!stat.isDirectory()) throw unusable(folder, 'it is a link or a file')
    const user = process.getuid?.()
    const below = stat.mode & STICKY ? ` below it, such as '${path.join(folder, 'my-app')}'` : ''
    if (user !== undefined && stat.uid !== user)
      throw unusable(folder, `it belongs to another user; name a folder of your own${below}`)
    if (stat.mode & WRITABLE_BY_OTHERS)
      throw unusable(
        folder,
        `other users can write to it; ${below ? `name a folder of your own${below}` : 'give it mode 0700 or 0755'}`,
      )
    return folder
  }

  #makeFolder(folder: string): Stats {
    const { fs } = this.#sys
    try {
      this.#isMade = fs.mkdirSync(folder, { recursive: true, mode: 0o700 }) === folder
      return fs.lstatSync(folder)
    } catch (thrown) {
      throw unusable(folder, `it cannot be made (${codeOf(thrown)})`, thrown)
    }
  }
}

/** Where this user's sockets may go: what the system has for it, or a folder of temporary files, if it is short. */
function baseOf({ env, fs, tmpdir }: Sys): string {
  const bases = [env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp']
  const short = bases.find(
    (base) => base && Buffer.byteLength(base) <= LONGEST_PATH - 40 && isWritable(fs, base),
  )
  return short ?? tmpdir()
}

/** The folder of a host that has a stable identity: the next one that has it finds the same. */
export const folderOf = (sys: Sys, id: string): string =>
  path.join(baseOf(sys), `spinner-${process.getuid?.() ?? 'user'}-${slug(id, 8)}`)

/** The file in which such a host writes down which processes it has. */
export const stateNameOf = (id: string): string => `${slug(id, 8)}.state`

function isWritable(fs: Sys['fs'], folder: string): boolean {
  try {
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK)
    return true
  } catch {
    return false
  }
}

function removeFolder(fs: Sys['fs'], folder: string): boolean {
  try {
    fs.rmSync(folder, { recursive: true, force: true })
    return true
  } catch {
    // A folder that cannot be removed is not worth failing for.
    return false
  }
}

function removeEmpty(fs: Sys['fs'], folder: string): void {
  try {
    fs.rmdirSync(folder)
  } catch {
    // Somebody else has put something there.
  }
}

const slug = (name: string, length: number): string =>
  createHash('sha256').update(name).digest('hex').slice(0, length)

const unusable = (folder: string, why: string, cause?: unknown): SpinnerError =>
  new SpinnerError('ERR_SPINNER_INVALID_OPTION', `\`runtimeDir\` '${folder}' cannot be used: ${why}.`, {
    cause,
  })

const noPlace = (base: string, cause: unknown): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_NOT_READY',
    `No folder for sockets can be made in '${base}' (${codeOf(cause)}); name one that can be written to with \`runtimeDir\` or XDG_RUNTIME_DIR, or use \`listen: 'port'\`.`,
    { cause },
  )

const taken = (socket: string, why: string): SpinnerError =>
  new SpinnerError('ERR_SPINNER_FOREIGN_LISTENER', `The socket '${socket}' cannot be used: ${why}.`)

const tooLong = (socket: string, child: string): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_INVALID_OPTION',
    `The socket path '${socket}' is ${Buffer.byteLength(socket)} bytes long and the system takes ${LONGEST_PATH}; give a shorter \`runtimeDir\`.`,
    { child },
  )
