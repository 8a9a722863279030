import { writeFileSync } from 'node:fs'
import { codeOf, messageOf } from '../../errors.ts'
import { ConfigError } from '../config/error.ts'

/** Writes a file of the user's, over another one only when that was asked for. */
export function writeNew(file: string, text: string, force: boolean): void {
  try {
    writeFileSync(file, text, { flag: force ? 'w' : 'wx' })
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST')
      throw new ConfigError([
        `${file} is there already; name another file with -o, or write over it with --force`,
      ])
    throw new ConfigError([`${file} cannot be written: ${messageOf(thrown)}`])
  }
}
