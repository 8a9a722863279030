// Which of the others are here, and those that are in processes of their own.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { newHost } from '../measuring/host.mjs'

const modules = path.join(import.meta.dirname, '../node_modules')

/** Why one cannot be measured, or `null` when all packages of it are installed. */
export function missing(...packages) {
  const absent = packages.filter((name) => !existsSync(path.join(modules, name)))
  return absent.length === 0 ? null : `${absent.join(' and ')} not installed: npm ci --prefix bench`
}

/** A process that has some of them; where they are not installed, or do not even start, each question fails and says so. */
export async function openPeer(packages, file, args) {
  try {
    const why = missing(...packages)
    if (why) throw new Error(why)
    return await newHost(file, args)
  } catch (thrown) {
    return { ask: () => Promise.reject(thrown), end: () => {} }
  }
}
