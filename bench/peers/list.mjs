// Which of the others are here.
import { existsSync } from 'node:fs'
import path from 'node:path'

const modules = path.join(import.meta.dirname, '../node_modules')

/** Why one cannot be measured, or `null` when all packages of it are installed. */
export function missing(...packages) {
  const absent = packages.filter((name) => !existsSync(path.join(modules, name)))
  return absent.length === 0 ? null : `${absent.join(' and ')} not installed: npm ci --prefix bench`
}
