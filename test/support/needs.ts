import { existsSync } from 'node:fs'
import path from 'node:path'

/** PATH with /usr/sbin, because Debian installs daemons there and not every user has it on PATH. */
export const PATH: string = [process.env['PATH'] ?? '', '/usr/sbin'].join(path.delimiter)

/**
 * Returns whether a program that a test needs is installed, for `test.runIf(has('python3'))`. If it is missing, the test is
 * skipped and a warning says why. With CI=true a missing program is an error, because in CI every test must run.
 */
export function has(program: string): boolean {
  if (PATH.split(path.delimiter).some((folder) => existsSync(path.join(folder, program)))) return true
  if (process.env['CI'] === 'true')
    throw new Error(`${program} is not on PATH, but in CI every test must run`)
  console.warn(`${program} is not on PATH; skipping the tests that need it`)
  return false
}
