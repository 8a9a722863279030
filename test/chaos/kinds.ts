import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { StartOptions } from '../../src/types/options.ts'
import type { Luck } from './fault.ts'
import { shuffled } from './luck.ts'

const fixture = (name: string): string => path.join(process.cwd(), 'test/fixtures', name)

const shell = (script: string): Partial<StartOptions> => ({
  command: 'sh',
  args: ['-c', script],
  listen: null,
})

/** Each of four processes begins its successor every 20 ms and ends: at most 20 live at a time. */
const RELAY = 'relay() { sleep 0.02; (relay) & }; for one in 1 2 3 4; do relay & done; sleep 600; :'

/** One way to be hard to find or to end. */
interface Kind {
  readonly options: (place: Place) => Partial<StartOptions>
  /** How many of it a host may have: what costs much must not be all that the machine does. */
  readonly most: number
}

/** What the children of a host share. */
export interface Place {
  /** The program that starts what HOST says. */
  readonly program: string
  /** A folder with a package whose `npm start` runs. */
  readonly folder: string
}

const KINDS: Readonly<Record<string, Kind>> = {
  server: { most: 4, options: () => ({ script: fixture('hello.js') }) },
  'server on a port': { most: 4, options: () => ({ script: fixture('hello.js'), listen: 'port' }) },
  'ignores SIGTERM': { most: 50, options: () => shell("trap '' TERM; sleep 600; :") },
  'server that ignores SIGTERM': { most: 2, options: () => ({ script: fixture('ignores-sigterm.js') }) },
  'busy loop': { most: 2, options: () => shell("trap '' TERM; while :; do :; done") },
  frozen: { most: 50, options: () => shell('kill -STOP $$; sleep 600; :') },
  'leaves its session': { most: 50, options: () => shell('setsid sleep 600 & exec sleep 600') },
  'forks twice': { most: 50, options: () => shell('(sleep 600 & setsid sleep 600 &); exec sleep 600') },
  'keeps forking': { most: 2, options: () => shell(RELAY) },
  wrapper: { most: 50, options: () => shell('sleep 600; :') },
  'package manager': {
    most: 2,
    options: ({ folder }) => ({ command: 'npm', args: ['start'], cwd: folder, listen: null, env: NPM }),
  },
  'spinner of its own': {
    most: 2,
    options: ({ program }) => ({ script: program, listen: null, env: { HOST: JSON.stringify(INNER) } }),
  },
  'leader that has exited': {
    most: 50,
    options: () => ({ ...shell("trap '' TERM; sleep 600 & exit 0"), restart: 'never' }),
  },
}

const NPM = { npm_config_update_notifier: 'false', npm_config_logs_max: '0', npm_config_offline: 'true' }

/** What a host that is itself a child starts. */
const INNER: { readonly children: readonly StartOptions[] } = {
  children: [
    { name: 'inner server', script: fixture('hello.js') },
    { name: 'inner', ...shell("trap '' TERM; sleep 600; :") },
    { name: 'inner that leaves', ...shell('setsid sleep 600 & exec sleep 600') },
  ],
}

/** Makes what `npm start` needs. */
export function makePackage(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const text = JSON.stringify({ name: 'started-by-npm', scripts: { start: 'sleep 600' } })
  writeFileSync(path.join(folder, 'package.json'), text)
}

/** From 5 to as many as `most`, and more often few than many. */
export const someCount = (luck: Luck, most = 50): number => 5 + Math.floor((most - 4) * luck.random() ** 2)

/** So many children of all kinds, in any order. */
export function childrenOf(luck: Luck, count: number, place: Place): StartOptions[] {
  const dealt: StartOptions[] = []
  const order = shuffled(luck, Object.entries(KINDS))
  for (let turn = 0; dealt.length < count; turn++) {
    for (const [name, { options, most }] of order) {
      if (turn < most && dealt.length < count) dealt.push({ name: `${name} ${turn}`, ...options(place) })
    }
  }
  return shuffled(luck, dealt)
}
