import { createHash } from 'node:crypto'
import type { Sys } from '../sys.ts'

/** Larger files are compared by size and modification time instead of by content. */
const MAX_HASHED_BYTES = 4 * 1024 * 1024

/**
 * Returns a hash of a file's content, so that a mere touch or chmod is not a change, and the file's modification time.
 * Returns null if the file does not exist.
 */
export function contentHash({ fs }: Sys, file: string): { hash: string; mtimeMs: number } | null {
  try {
    const stat = fs.statSync(file)
    if (!stat.isFile()) return null
    const { mtimeMs, size } = stat
    if (size > MAX_HASHED_BYTES) return { hash: `${size}:${mtimeMs}`, mtimeMs }
    return { hash: createHash('sha1').update(fs.readFileSync(file)).digest('base64'), mtimeMs }
  } catch {
    return null
  }
}

/**
 * Identifies the file or directory at a path, with links followed; an empty string if there is none. Contains the birth
 * time, because a directory that is created right after another was removed often gets the same inode.
 */
export function inodeOf({ fs }: Sys, file: string): string {
  try {
    const stat = fs.statSync(file)
    return `${fs.realpathSync(file)}:${stat.dev}:${stat.ino}:${stat.birthtimeMs}`
  } catch {
    return ''
  }
}

/** Returns the size and modification time of a file; an empty string for anything else. */
export function mtimeOf({ fs }: Sys, file: string): string {
  try {
    const stat = fs.statSync(file)
    return stat.isFile() ? `${stat.size}:${stat.mtimeMs}` : ''
  } catch {
    return ''
  }
}
