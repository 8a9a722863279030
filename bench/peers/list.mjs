// Finds the installed peers, and starts peers in separate processes.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { newHost } from '../measuring/host.mjs'

const modules = path.join(import.meta.dirname, '../node_modules')

/** Returns why a peer cannot be measured, or `null` if all its packages are installed. */
export function missing(...packages) {
  const absent = packages.filter((name) => !existsSync(path.join(modules, name)))
  return absent.length === 0 ? null : `${absent.join(' and ')} not installed: npm ci --prefix bench`
}

/** Starts a process for a peer. If packages are missing or the process fails to start, each request rejects with the reason. */
export async function openPeer(packages, file, args) {
  try {
    const why = missing(...packages)
    if (why) throw new Error(why)
    return await newHost(file, args)
  } catch (thrown) {
    return { ask: () => Promise.reject(thrown), end: () => {} }
  }
}
