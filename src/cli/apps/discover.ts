import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs'
import path from 'node:path'
import { codeOf, messageOf } from '../../errors.ts'
import { hostOf, isRoutableName, splitHost } from '../../gateway/routing/host-names.ts'
import type { Plain } from '../config/model.ts'

/** What a folder has to serve. */
export interface Apps {
  /** By name: the options of each, as a configuration would have them. */
  readonly served: ReadonlyMap<string, Plain>
  /** What looks like an app and is left out, a sentence each. */
  readonly left: readonly string[]
}

/** Something in the folder that may be an app, before anybody has looked at its name. */
interface Found {
  readonly name: string
  /** As it stands in the folder; a folder with a slash. */
  readonly entry: string
  readonly options: Plain
}

/** What runs here is written here: a failure is shown at once, and the next request tries again. */
const OPTIONS: Plain = {
  // Frameworks make a number of PORT, and programs that npm starts are frameworks mostly.
  listen: 'port',
  // What listens on all addresses unless it is told otherwise mostly takes this.
  env: { HOST: '127.0.0.1' },
  attempts: 1,
  faultTimeout: '2s',
  stopTimeout: '5s',
  drainTimeout: '5s',
}

/** One dot: `shop.js`, but neither `.eslintrc.js` nor `vite.config.js`, `shop.test.js` and the like. */
const PROGRAM = /^[^.]+\.[cm]?js$/

const NO_START = 'its package.json has no start script; add "start": "npm run dev -- --port $PORT"'

const AN_APP = 'package.json: this folder is an app itself; `spinner up ..` serves it, and those beside it'

/** Reads which apps a folder has: sub-folders that npm can start, and programs for Node. A folder goes before a file. */
export function readApps(folder: string): Apps {
  const entries = readdirSync(folder).sort()
  const left: string[] = isApp(folder) ? [AN_APP] : []
  const found = [
    ...entries.flatMap((entry) => ofFolder(folder, entry, left)),
    ...entries.flatMap((entry) => ofFile(folder, entry)),
  ]
  const served = new Map<string, Plain>()
  const taken = new Map<string, string>()
  for (const { entry, name, options } of found) {
    const other = taken.get(name)
    if (!isLabel(name)) left.push(`${entry}: its name cannot be that of a host; use a-z, 0-9 and -`)
    else if (other) left.push(`${entry}: ${other} is ${name}.localhost already`)
    else served.set(name, options)
    if (!other) taken.set(name, entry)
  }
  return { served: new Map([...served].sort(([one], [other]) => (one < other ? -1 : 1))), left }
}

/** Whether the gateway would find an app under this name in front of `localhost`. */
function isLabel(name: string): boolean {
  const host = `${name}.localhost`
  return isRoutableName(name) && hostOf(host) === host && splitHost(host)?.[0] === name
}

function ofFile(folder: string, entry: string): Found[] {
  const file = path.join(folder, entry)
  if (!PROGRAM.test(entry) || !look(file)?.isFile()) return []
  const name = path.parse(entry).name.toLowerCase()
  return [{ entry, name, options: { ...OPTIONS, script: file, cwd: folder } }]
}

function ofFolder(folder: string, entry: string, left: string[]): Found[] {
  const cwd = path.join(folder, entry)
  if (entry.startsWith('.') || entry === 'node_modules' || !look(cwd)?.isDirectory()) return []
  try {
    const { dev, start } = scriptsOf(path.join(cwd, 'package.json'))
    if (!isScript(start)) {
      // As Vite, Astro and their like make it: nobody would know why it is missing.
      if (isScript(dev)) left.push(`${entry}/: ${NO_START}`)
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
    left.push(`${entry}/: its package.json cannot be read: ${messageOf(thrown)}`)
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

/** A link is followed: whoever can put one here could put a program here. */
function look(file: string): Stats | null {
  try {
    return statSync(file)
  } catch {
    return null
  }
}

/** What `npm run` knows; nothing when there is no such file. */
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
/** What is hidden, and whatever has an extension that is not one of code. */
const NO_CODE = /(?:^|[/\\])\.|\.(?![cm]?[jt]sx?$)[^./\\]+$/

/** What Node alone runs is restarted when its code is saved. Vite, Next, nodemon and their like see to that themselves. */
function monitorOf(cwd: string, start: string): Plain {
  const file = path.join(cwd, 'package.json')
  return { paths: PLAIN_NODE.test(start.trim()) ? [cwd, file] : [file], ignore: [NO_CODE] }
}
