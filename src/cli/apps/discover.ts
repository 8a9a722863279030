import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs'
import path from 'node:path'
import { codeOf, messageOf } from '../../errors.ts'
import { hostOf, isRoutableName, splitHost } from '../../gateway/routing/host-names.ts'
import type { Plain } from '../config/model.ts'

/** The apps of a folder. */
export interface Apps {
  /** The options of each app by name, as in a configuration. */
  readonly served: ReadonlyMap<string, Plain>
  /** A message for each entry that looks like an app and cannot be served. */
  readonly skipped: readonly string[]
}

/** An entry of the folder that can be an app if its name is valid. */
interface Candidate {
  readonly name: string
  /** The name of the file, or the name of the folder with a slash. */
  readonly entry: string
  readonly options: Plain
}

/** Options of every app. The user is developing it, so a failure is shown at once, and the next request tries again. */
const OPTIONS: Plain = {
  // Frameworks expect a number in PORT, and most programs that npm starts use a framework.
  listen: 'port',
  // Most programs that would listen on all addresses respect this variable.
  env: { HOST: '127.0.0.1' },
  attempts: 1,
  faultTimeout: '2s',
  stopTimeout: '5s',
  drainTimeout: '5s',
}

/** Matches names with one dot: `shop.js`, but neither `.eslintrc.js` nor `vite.config.js`, `shop.test.js` and the like. */
const PROGRAM = /^[^.]+\.[cm]?js$/

const NO_START = 'its package.json has no start script; add "start": "npm run dev -- --port $PORT"'

const IS_APP = 'package.json: this folder is an app itself; `spinner up ..` serves it and its neighbours'

/** Finds the apps of a folder: sub-folders that npm can start, and programs for Node. A folder takes precedence. */
export function readApps(folder: string): Apps {
  const entries = readdirSync(folder).sort()
  const skipped: string[] = isApp(folder) ? [IS_APP] : []
  const candidates = [
    ...entries.flatMap((entry) => folderCandidate(folder, entry, skipped)),
    ...entries.flatMap((entry) => fileCandidate(folder, entry)),
  ]
  const served = new Map<string, Plain>()
  const entryByName = new Map<string, string>()
  for (const { entry, name, options } of candidates) {
    const other = entryByName.get(name)
    if (!isHostLabel(name)) skipped.push(`${entry}: its name cannot be a host name; use a-z, 0-9 and -`)
    else if (other) skipped.push(`${entry}: ${other} is already served as ${name}.localhost`)
    else served.set(name, options)
    if (!other) entryByName.set(name, entry)
  }
  return { served: new Map([...served].sort(([one], [other]) => (one < other ? -1 : 1))), skipped }
}

/** Returns whether the gateway can route `NAME.localhost`. */
function isHostLabel(name: string): boolean {
  const host = `${name}.localhost`
  return isRoutableName(name) && hostOf(host) === host && splitHost(host)?.[0] === name
}

function fileCandidate(folder: string, entry: string): Candidate[] {
  const file = path.join(folder, entry)
  if (!PROGRAM.test(entry) || !statOf(file)?.isFile()) return []
  const name = path.parse(entry).name.toLowerCase()
  return [{ entry, name, options: { ...OPTIONS, script: file, cwd: folder } }]
}

function folderCandidate(folder: string, entry: string, skipped: string[]): Candidate[] {
  const cwd = path.join(folder, entry)
  if (entry.startsWith('.') || entry === 'node_modules' || !statOf(cwd)?.isDirectory()) return []
  try {
    const { dev, start } = scriptsOf(path.join(cwd, 'package.json'))
    if (!isScript(start)) {
      // Vite, Astro and similar tools create such a package.json, and users would not know why the app is missing.
      if (isScript(dev)) skipped.push(`${entry}/: ${NO_START}`)
      return []
    }
    const options = {
      ...OPTIONS,
      command: 'npm',
      args: ['start', '--silent'],
      cwd,
      monitor: monitorOf(cwd, start),
    }
    return [{ entry: `${entry}/`, name: entry.toLowerCase(), options }]
  } catch (thrown) {
    skipped.push(`${entry}/: its package.json cannot be read: ${messageOf(thrown)}`)
    return []
  }
}

function isApp(folder: string): boolean {
  try {
    return isScript(scriptsOf(path.join(folder, 'package.json')).start)
  } catch {
    return false
  }
}

/** Follows links: a user who can create a link in the folder can also create a program there. */
function statOf(file: string): Stats | null {
  try {
    return statSync(file)
  } catch {
    return null
  }
}

/** Returns the scripts of a package.json, and none if the file does not exist. */
function scriptsOf(file: string): { readonly dev?: unknown; readonly start?: unknown } {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
    return Object((Object(read) as { scripts?: unknown }).scripts)
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return {}
    throw thrown
  }
}

const isScript = (given: unknown): given is string => typeof given === 'string' && given.trim() !== ''

const PLAIN_NODE = /^(?:\w+=\S*\s+)*node\s(?!.*--watch)/
/** Matches hidden files, and files with an extension that is not one of code. */
const NO_CODE = /(?:^|[/\\])\.|\.(?![cm]?[jt]sx?$)[^./\\]+$/

/** Watches the code of an app that Node runs directly. Vite, Next, nodemon and similar tools watch it themselves. */
function monitorOf(cwd: string, start: string): Plain {
  const file = path.join(cwd, 'package.json')
  return { paths: PLAIN_NODE.test(start.trim()) ? [cwd, file] : [file], ignore: [NO_CODE] }
}
