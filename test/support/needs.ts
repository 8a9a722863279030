import { existsSync } from 'node:fs'
import path from 'node:path'

/** Where programs are; Debian has its daemons in a folder that is not on every user's PATH. */
export const PATH: string = [process.env['PATH'] ?? '', '/usr/sbin'].join(path.delimiter)

/**
 * Whether a program that a test runs for real is there; for `test.runIf(has('python3'))`. A machine without it skips
 * the test and says why; where CI=true that is a failure, since there everything must run.
 */
export function has(program: string): boolean {
  if (PATH.split(path.delimiter).some((folder) => existsSync(path.join(folder, program)))) return true
  if (process.env['CI'] === 'true') throw new Error(`${program} is missing, and in CI every test must run`)
  console.warn(`tests that need ${program} are skipped, since it is not on PATH`)
  return false
}
