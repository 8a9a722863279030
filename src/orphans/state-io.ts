import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import { codeOf } from '../errors.ts'
import type { Sys } from '../sys.ts'
import { parseState, type State } from './state-format.ts'

/** What stands at a path: a state, or something that is none, and why. */
export type Found = { readonly key: string } & ({ readonly state: State } | { readonly why: string })

const WRITABLE_BY_OTHERS = 0o022
const LARGEST_MB = 4
const LARGEST = LARGEST_MB * 1024 * 1024

/**
 * What stands at a path, without following a link, waiting at a pipe or believing what others could have written.
 * `key` is never that of two different files at one path. Null when nothing is there; throws when that cannot be told.
 */
export function look(sys: Sys, file: string): Found | null {
  const before = sys.fs.lstatSync(file, { throwIfNoEntry: false })
  if (!before) return null
  const inode = `${before.dev}-${before.ino}`
  const why = unfit(before)
  if (why !== null) return { key: inode, why }
  const text = read(sys, file, before)
  if (text === null) return null
  const state = typeof text === 'string' ? parseState(text) : text.why
  return typeof state === 'string' ? { key: inode, why: state } : { key: state.uuid, state }
}

function unfit(stat: Stats): string | null {
  if (stat.isSymbolicLink()) return 'it is a symbolic link'
  if (stat.isDirectory()) return 'it is a folder'
  if (!stat.isFile()) return 'it is not a regular file'
  if (stat.uid !== process.getuid?.()) return 'it belongs to another user'
  if (stat.mode & WRITABLE_BY_OTHERS) return 'other users can write to it'
  if (stat.size > LARGEST) return `it is larger than ${LARGEST_MB} MB`
  return null
}

/** Null when it was exchanged meanwhile: it is to be looked at anew. */
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
    if (!isSame(now, before) || unfit(now) !== null) return null
    const buffer = Buffer.alloc(now.size)
    return buffer.toString('latin1', 0, fs.readSync(descriptor, buffer, 0, now.size, 0))
  } finally {
    fs.closeSync(descriptor)
  }
}

export const isSame = (one: Stats, other: Stats): boolean => one.dev === other.dev && one.ino === other.ino

/** A file that was written whole and is open for more, under a name at which nobody looks. */
export interface Fresh {
  readonly path: string
  readonly descriptor: number
}

export function writeFresh({ fs }: Sys, file: string, text: string): Fresh {
  const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = fs.constants
  const path = `${file}.new-${randomUUID()}`
  const descriptor = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0o600)
  try {
    append({ fs }, descriptor, text)
    return { path, descriptor }
  } catch (thrown) {
    fs.closeSync(descriptor)
    remove({ fs }, path)
    throw thrown
  }
}

/** All of it or an error: a full disk may take a part. */
export function append({ fs }: Pick<Sys, 'fs'>, descriptor: number, text: string): void {
  if (fs.writeSync(descriptor, text) < text.length) throw new Error('the disk took a part of it only')
}

export function remove({ fs }: Pick<Sys, 'fs'>, file: string): void {
  try {
    fs.unlinkSync(file)
  } catch {
    // What cannot be removed is found, and judged, by the next host.
  }
}
