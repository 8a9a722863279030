import { statSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../../errors.ts'
import { LISTEN_OPTIONS } from '../../gateway/read-options.ts'
import { INVALID } from '../../options/parsers.ts'
import type { OptionSpec } from '../../options/read.ts'
import { CHILD_OPTIONS } from '../../options/table.ts'
import { Folder } from '../apps/folder.ts'
import { ConfigError } from '../config/error.ts'
import { runInForeground } from '../run/foreground.ts'
import type { OnSignals, OutputStyle } from '../run/source.ts'

/** The options of `spinner up`, as the user wrote them. */
export interface UpOptions extends OutputStyle {
  readonly folder: string
  readonly port: string
  readonly host?: string | undefined
  readonly idle?: string | undefined
}

/** `spinner up`: serves every app of a folder at NAME.localhost. Resolves with the exit code. */
export function up(
  { folder: given, host, idle, port, ...style }: UpOptions,
  onSignals: OnSignals,
): Promise<number> {
  const folder = path.resolve(given)
  assertDirectory(folder)
  const listen = {
    port: parseFlag('--port', LISTEN_OPTIONS['port'], port),
    ...(host === undefined ? {} : { host: parseFlag('--host', LISTEN_OPTIONS['host'], host) }),
  }
  const appOptions =
    idle === undefined ? {} : { idleTimeSec: parseFlag('--idle', CHILD_OPTIONS.idleTimeSec, idle) }
  return runInForeground(new Folder(folder, listen, appOptions), style, onSignals)
}

function assertDirectory(folder: string): void {
  let isDirectory: boolean
  try {
    isDirectory = statSync(folder).isDirectory()
  } catch (thrown) {
    throw new ConfigError([`cannot read the directory of the apps: ${messageOf(thrown)}`])
  }
  if (!isDirectory)
    throw new ConfigError([`${folder} is not a directory; give the directory that contains the apps`])
}

/** Parses a command line option as the library reads it in a program: numbers as numbers. */
function parseFlag(flag: string, { expected, parse }: OptionSpec, text: string): unknown {
  const value = text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
  if (parse(value) === INVALID) throw new ConfigError([`${flag} must be ${expected}, but it is '${text}'`])
  return value
}
