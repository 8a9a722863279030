import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import { codeOf } from '../errors.ts'
import type { Sys } from '../sys.ts'
import { parseState, type State } from './state-format.ts'

/** The file at a path: a state file, or the reason why it cannot be trusted. */
export type FoundState = { readonly key: string } & ({ readonly state: State } | { readonly why: string })

const WRITABLE_BY_OTHERS = 0o022
const LARGEST_MB = 4
const LARGEST = LARGEST_MB * 1024 * 1024

/**
 * Reads a state file without following a link, waiting at a pipe or trusting what another user could have written
 * (docs/hazards.md#h66). Two different files at one path never have the same `key`. Returns null if the file does not
 * exist, and throws if that cannot be seen.
 */
export function readStateFile(sys: Sys, file: string): FoundState | null {
  const before = sys.fs.lstatSync(file, { throwIfNoEntry: false })
  if (!before) return null
  const inode = `${before.dev}-${before.ino}`
  const why = distrust(before)
  if (why !== null) return { key: inode, why }
  const text = read(sys, file, before)
  if (text === null) return null
  const state = typeof text === 'string' ? parseState(text) : text.why
  return typeof state === 'string' ? { key: inode, why: state } : { key: state.uuid, state }
}

/** Returns why a file cannot be trusted, or null. */
function distrust(stat: Stats): string | null {
  if (stat.isSymbolicLink()) return 'it is a symbolic link'
  if (stat.isDirectory()) return 'it is a directory'
  if (!stat.isFile()) return 'it is not a regular file'
  if (stat.uid !== process.getuid?.()) return 'it belongs to another user'
  if (stat.mode & WRITABLE_BY_OTHERS) return 'other users can write to it'
  if (stat.size > LARGEST) return `it is larger than ${LARGEST_MB} MB`
  return null
}

/** Returns null if the file was replaced meanwhile; the caller looks again. */
function read({ fs }: Sys, file: string, before: Stats): string | null | { why: string } {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants
  let descriptor: number
  try {
    descriptor = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ENOENT' || code === 'ELOOP') return null
    if (code === 'EACCES' || code === 'EPERM') return { why: `it cannot be read (${code})` }
    throw thrown
  }
  try {
    const now = fs.fstatSync(descriptor)
    if (!isSameFile(now, before) || distrust(now) !== null) return null
    const buffer = Buffer.alloc(now.size)
    return buffer.toString('latin1', 0, fs.readSync(descriptor, buffer, 0, now.size, 0))
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Returns true for two looks at one file. */
export const isSameFile = (one: Stats, other: Stats): boolean =>
  one.dev === other.dev && one.ino === other.ino

/** A complete file, open for more lines, under a name that nobody reads. */
export interface NewStateFile {
  readonly path: string
  readonly descriptor: number
}

/** Writes a new file next to a state file. The caller closes the descriptor and removes the path. */
export function writeNewFile({ fs }: Sys, file: string, text: string): NewStateFile {
  const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = fs.constants
  const path = `${file}.new-${randomUUID()}`
  const descriptor = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0o600)
  try {
    append({ fs }, descriptor, text)
    return { path, descriptor }
  } catch (thrown) {
    fs.closeSync(descriptor)
    removeQuietly({ fs }, path)
    throw thrown
  }
}

/** Appends the whole text, or throws: a full disk may accept only a part. */
export function append({ fs }: Pick<Sys, 'fs'>, descriptor: number, text: string): void {
  if (fs.writeSync(descriptor, text) < text.length) throw new Error('the disk accepted only a part of it')
}

/** Removes a file, and does not throw if that fails. */
export function removeQuietly({ fs }: Pick<Sys, 'fs'>, file: string): void {
  try {
    fs.unlinkSync(file)
  } catch {
    // The next host finds the file and decides what to do with it.
  }
}
