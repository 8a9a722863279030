import { createHash, randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import path from 'node:path'
import { codeOf, SpinnerError } from '../errors.ts'
import { atExit } from '../process/exit-hook.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'

/**
 * Maximum length of a socket path in bytes. Linux accepts 107 and macOS 103, and Node 20 truncates a longer path without
 * an error (docs/hazards.md#h36).
 */
export const MAX_PATH_BYTES = 100
/** Bytes that the folder and the socket add to the directory that contains the folder. */
const RESERVED_BYTES = 40
const WRITABLE_BY_OTHERS = 0o022
/** Mode of a shared directory such as `/tmp`, in which all users can write, but remove only their own files. */
const STICKY = 0o1000
const REMOVAL_ATTEMPTS = 3
const REMOVAL_PAUSE_MS = 50

/** The directory of the sockets: the one of `runtimeDir`, or a private one that is removed at the end. */
export class SocketFolder {
  readonly #sys: Sys
  readonly #named: string | null
  readonly #beforeCreate: ((folder: string) => void) | null
  #path: string | null = null
  /** Cancels the removal at the exit of the host. Null unless the folder is private. */
  #cancelExitHook: (() => void) | null = null
  /** True if the named folder did not exist before. */
  #isCreated = false

  /**
   * Creates nothing yet. `named` is the folder to use; null for a private one. `beforeCreate` is called before a private
   * folder is created; null if the folder must outlive the host.
   */
  constructor(sys: Sys, named: string | null, beforeCreate: ((folder: string) => void) | null) {
    this.#sys = sys
    this.#named = named
    this.#beforeCreate = beforeCreate
  }

  /** Returns the path of the folder. Creates the folder at the first call. */
  path(): string {
    // Create it again if a cleaner of temporary files has removed it.
    if (this.#path !== null && !this.#sys.fs.existsSync(this.#path)) this.#path = null
    this.#path ??= this.#named === null ? this.#createPrivate() : this.#useNamed(this.#named)
    return this.#path
  }

  /** Returns true if the address is a path in a private folder, so that no other host uses it. */
  isPrivate(address: Address): boolean {
    return (
      this.#cancelExitHook !== null && typeof address === 'string' && path.dirname(address) === this.#path
    )
  }

  /** Removes a private folder with its contents, and a named one if spinner created it and it is empty. Never rejects. */
  async remove(): Promise<void> {
    if (this.#path === null) return
    if (this.#cancelExitHook === null) {
      if (this.#isCreated) removeEmpty(this.#sys.fs, this.#path)
      return
    }
    for (let attempt = 0; attempt < REMOVAL_ATTEMPTS; attempt++) {
      if (removeFolder(this.#sys.fs, this.#path)) return this.#cancelExitHook()
      await this.#sys.pause(REMOVAL_PAUSE_MS)
    }
    // The exit hook tries once more.
  }

  /** Announces the folder before it exists, because the host can die at any moment and the watchdog must know it. */
  #createPrivate(): string {
    const { fs } = this.#sys
    const folder = path.join(baseOf(this.#sys), `spinner-${randomUUID().slice(-12)}`)
    this.#beforeCreate?.(folder)
    try {
      fs.mkdirSync(folder, { mode: 0o700 })
    } catch (thrown) {
      throw notCreatedError(path.dirname(folder), thrown)
    }
    this.#cancelExitHook = this.#beforeCreate ? atExit(() => removeFolder(fs, folder)) : () => {}
    return folder
  }

  #useNamed(named: string): string {
    const folder = path.resolve(named)
    const stat = this.#createNamed(folder)
    if (!stat.isDirectory()) throw unusableError(folder, 'it is a symbolic link or a file')
    const user = process.getuid?.()
    const below = stat.mode & STICKY ? ` below it, such as '${path.join(folder, 'my-app')}'` : ''
    if (user !== undefined && stat.uid !== user)
      throw unusableError(folder, `it belongs to another user; name a directory of your own${below}`)
    if (stat.mode & WRITABLE_BY_OTHERS)
      throw unusableError(
        folder,
        `other users can write to it; ${below ? `name a directory of your own${below}` : 'set its mode to 0700 or 0755'}`,
      )
    return folder
  }

  #createNamed(folder: string): Stats {
    const { fs } = this.#sys
    try {
      this.#isCreated = fs.mkdirSync(folder, { recursive: true, mode: 0o700 }) === folder
      return fs.lstatSync(folder)
    } catch (thrown) {
      throw unusableError(folder, `it cannot be created (${codeOf(thrown)})`, thrown)
    }
  }
}

/** Returns the folder of a host with a stable identity, which is the same for the next host with that `id`. */
export const folderOf = (sys: Sys, id: string): string =>
  path.join(baseOf(sys), `spinner-${process.getuid?.() ?? 'user'}-${shortHash(id, 8)}`)

/** Returns the name of the file in which a host with a stable identity records its processes. */
export const stateNameOf = (id: string): string => `${shortHash(id, 8)}.state`

/** Returns the first `length` digits of a SHA-256 hash. */
export const shortHash = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length)

/** Returns the user's runtime directory or a directory for temporary files: the first that is short and writable. */
function baseOf({ env, fs, tmpdir }: Sys): string {
  const bases = [env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp']
  const usable = bases.find(
    (base) => base && Buffer.byteLength(base) <= MAX_PATH_BYTES - RESERVED_BYTES && isWritable(fs, base),
  )
  return usable ?? tmpdir()
}

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
    // A folder that cannot be removed is no reason to fail.
    return false
  }
}

function removeEmpty(fs: Sys['fs'], folder: string): void {
  try {
    fs.rmdirSync(folder)
  } catch {
    // Leave a folder that is not empty, because the files are not spinner's.
  }
}

const unusableError = (folder: string, why: string, cause?: unknown): SpinnerError =>
  new SpinnerError('ERR_SPINNER_INVALID_OPTION', `\`runtimeDir\` '${folder}' cannot be used: ${why}.`, {
    cause,
  })

const notCreatedError = (base: string, cause: unknown): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_NOT_READY',
    `No directory for sockets can be created in '${base}' (${codeOf(cause)}); set \`runtimeDir\` or XDG_RUNTIME_DIR to a writable directory, or use \`listen: 'port'\`.`,
    { cause },
  )
