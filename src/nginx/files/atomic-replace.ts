import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import path from 'node:path'
import { codeOf } from '../../errors.ts'
import type { Sys } from '../../sys.ts'

/** What stands at a path at one moment. */
export interface CurrentFile {
  /** Where it really is, all links followed. */
  readonly path: string
  /** One character for each byte; null when there is no file. */
  readonly text: string | null
  readonly stat: Stats | null
}

const MODE = 0o644
const PERMISSIONS = 0o7777
const LARGEST_MB = 4

/** One character for each byte, as texts of files are held here. */
export const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** Where a file really is, or would be. Throws for a link to nothing. */
export async function realPath({ fs }: Sys, file: string): Promise<string> {
  try {
    return await fs.promises.realpath(file)
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown
  }
  const isLink = await fs.promises.lstat(file).then(
    () => true,
    () => false,
  )
  if (isLink) throw new Error(`'${file}' is a symbolic link to nothing`)
  return path.join(await fs.promises.realpath(path.dirname(file)), path.basename(file))
}

/** Reads a whole file; throws for what is none. */
export async function readCurrent(sys: Sys, file: string): Promise<CurrentFile> {
  const { fs } = sys
  const real = await realPath(sys, file)
  const handle = await fs.promises
    .open(real, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    .catch((thrown) => {
      if (codeOf(thrown) === 'ENOENT') return null
      throw thrown
    })
  if (!handle) return { path: real, text: null, stat: null }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new Error(`'${real}' is not a regular file`)
    if (stat.size > LARGEST_MB * 1024 * 1024) throw new Error(`'${real}' is larger than ${LARGEST_MB} MB`)
    return { path: real, text: await handle.readFile('latin1'), stat }
  } finally {
    await handle.close()
  }
}

/** How the files begin that are written beside another one; a name with a dot in front is in no `include` of nginx's. */
export const temporaryNameOf = (real: string): string =>
  path.join(path.dirname(real), `.${path.basename(real)}.spinner-`)

/**
 * Replaces the content of a file and keeps its mode and owner. At any moment, even if the host dies, the path holds
 * either the old file or the new one. Returns false if the file was changed since it was read (docs/hazards.md#h45).
 */
export async function replace(sys: Sys, before: CurrentFile, text: string): Promise<boolean> {
  const { promises } = sys.fs
  const fresh = `${temporaryNameOf(before.path)}${randomUUID()}`
  try {
    await writeFresh(sys, fresh, before.stat, text)
    if (!(await isStill(sys, before))) {
      await promises.unlink(fresh)
      return false
    }
    await promises.rename(fresh, before.path)
  } catch (thrown) {
    await promises.unlink(fresh).catch(() => {})
    throw thrown
  }
  await syncFolder(sys, path.dirname(before.path))
  return true
}

async function writeFresh({ fs }: Sys, file: string, like: Stats | null, text: string): Promise<void> {
  const handle = await fs.promises.open(file, 'wx', 0o600)
  try {
    await handle.writeFile(text, 'latin1')
    const own = await handle.stat()
    // Only root may give files away. A configuration is read by root, so it may become ours.
    if (like && (like.uid !== own.uid || like.gid !== own.gid))
      await handle.chown(like.uid, like.gid).catch(() => {})
    await handle.chmod(like ? like.mode & PERMISSIONS : MODE)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function isStill({ fs }: Sys, { path: file, stat: before }: CurrentFile): Promise<boolean> {
  const now = await fs.promises.stat(file).catch((thrown) => {
    if (codeOf(thrown) === 'ENOENT') return null
    throw thrown
  })
  if (!now || !before) return now === before
  const keys = ['dev', 'ino', 'size', 'mtimeMs', 'ctimeMs'] as const
  return keys.every((key) => now[key] === before[key])
}

/** The file is in its place already; this is for a power cut, and not every system can do it. */
async function syncFolder({ fs }: Sys, folder: string): Promise<void> {
  const handle = await fs.promises.open(folder, 'r').catch(() => null)
  await handle?.sync().catch(() => {})
  await handle?.close()
}
