import { statSync } from 'node:fs'
import path from 'node:path'
import { messageOf } from '../../errors.ts'
import { LISTEN_OPTIONS } from '../../gateway/read-options.ts'
import { CHILD_OPTIONS } from '../../options/normalise.ts'
import { INVALID } from '../../options/parsers.ts'
import type { OptionSpec } from '../../options/read.ts'
import { Folder } from '../apps/folder.ts'
import { ConfigError } from '../config/error.ts'
import { stay } from '../run/foreground.ts'
import type { OutputStyle, TakeSignals } from '../run/source.ts'

/** What `spinner up` takes. */
export interface UpOptions extends OutputStyle {
  readonly folder: string
  /** As they were written. */
  readonly port: string
  readonly host?: string | undefined
  readonly idle?: string | undefined
}

/** `spinner up`: serves every app of a folder as NAME.localhost, and resolves with the exit code. */
export function up(
  { folder: given, host, idle, port, ...looks }: UpOptions,
  takeSignals: TakeSignals,
): Promise<number> {
  const folder = path.resolve(given)
  mustBeFolder(folder)
  const listen = {
    port: read('--port', LISTEN_OPTIONS['port'], port),
    ...(host === undefined ? {} : { host: read('--host', LISTEN_OPTIONS['host'], host) }),
  }
  const more =
    idle === undefined
      ? {}
      : { idleTimeSec: read('--idle', CHILD_OPTIONS['idleTimeSec'] as OptionSpec, idle) }
  return stay(new Folder(folder, listen, more), looks, takeSignals)
}

function mustBeFolder(folder: string): void {
  let isFolder: boolean
  try {
    isFolder = statSync(folder).isDirectory()
  } catch (thrown) {
    throw new ConfigError([`the folder cannot be read: ${messageOf(thrown)}`])
  }
  if (!isFolder) throw new ConfigError([`${folder} is no folder; give the one that the apps are in`])
}

/** A word as the library reads the option that it stands for: as a number, where it is one. */
function read(word: string, { parse, takes }: OptionSpec, text: string): unknown {
  const value = text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
  if (parse(value) === INVALID) throw new ConfigError([`${word} must be ${takes}, but it is '${text}'`])
  return value
}
