import { createHash } from 'node:crypto'
import type { Sys } from '../sys.ts'

/** Larger files are told apart by size and time instead of by content. */
const LARGEST_HASHED = 4 * 1024 * 1024

/** What tells two versions of a file apart: its content, so that a bare touch or chmod is no change. */
export function contentHash({ fs }: Sys, file: string): { print: string; mtimeMs: number } | null {
  try {
    const stat = fs.statSync(file)
    if (!stat.isFile()) return null
    const { mtimeMs, size } = stat
    if (size > LARGEST_HASHED) return { print: `${size}:${mtimeMs}`, mtimeMs }
    return { print: createHash('sha1').update(fs.readFileSync(file)).digest('base64'), mtimeMs }
  } catch {
    return null
  }
}

/**
 * Which file or folder stands at a path, links followed; empty while none does. The time of birth is part of it,
 * since a folder that is made right after another was removed is often given its inode.
 */
export function inodeOf({ fs }: Sys, place: string): string {
  try {
    const stat = fs.statSync(place)
    return `${fs.realpathSync(place)}:${stat.dev}:${stat.ino}:${stat.birthtimeMs}`
  } catch {
    return ''
  }
}

/** What changes when a file is written; empty for anything else. */
export function mtimeOf({ fs }: Sys, file: string): string {
  try {
    const stat = fs.statSync(file)
    return stat.isFile() ? `${stat.size}:${stat.mtimeMs}` : ''
  } catch {
    return ''
  }
}
