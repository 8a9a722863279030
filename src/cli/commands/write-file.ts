import { writeFileSync } from 'node:fs'
import { codeOf, messageOf } from '../../errors.ts'
import { ConfigError } from '../config/error.ts'

/** Writes a file. Overwrites an existing one only if `force` is true. */
export function writeNew(file: string, text: string, force: boolean): void {
  try {
    writeFileSync(file, text, { flag: force ? 'w' : 'wx' })
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST')
      throw new ConfigError([
        `${file} already exists; choose another file with -o, or overwrite it with --force`,
      ])
    throw new ConfigError([`cannot write ${file}: ${messageOf(thrown)}`])
  }
}
