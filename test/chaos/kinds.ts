import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { StartOptions } from '../../src/types/options.ts'
import type { Rng } from './fault.ts'
import { shuffled } from './rng.ts'

const fixture = (name: string): string => path.join(process.cwd(), 'test/fixtures', name)

const shell = (script: string): Partial<StartOptions> => ({
  command: 'sh',
  args: ['-c', script],
  listen: null,
})

/** Four processes that each start a successor every 20 ms and exit. At most 20 are alive at a time. */
const RELAY = 'relay() { sleep 0.02; (relay) & }; for one in 1 2 3 4; do relay & done; sleep 600; :'

/** A kind of child that is hard to find or to end. */
interface Kind {
  readonly options: (place: Installation) => Partial<StartOptions>
  /** Maximum number per host. Expensive kinds must not use the whole machine. */
  readonly most: number
}

/** Paths that the children of a host need. */
export interface Installation {
  /** The program that starts the children in the variable HOST. */
  readonly program: string
  /** A folder with a package that has a script for `npm start`. */
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

/** The children of a host that is itself a child. */
const INNER: { readonly children: readonly StartOptions[] } = {
  children: [
    { name: 'inner server', script: fixture('hello.js') },
    { name: 'inner', ...shell("trap '' TERM; sleep 600; :") },
    { name: 'inner that leaves', ...shell('setsid sleep 600 & exec sleep 600') },
  ],
}

/** Writes the package that `npm start` needs. */
export function makePackage(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const text = JSON.stringify({ name: 'started-by-npm', scripts: { start: 'sleep 600' } })
  writeFileSync(path.join(folder, 'package.json'), text)
}

/** Returns a number from 5 to `most`; small numbers are more frequent. */
export const someCount = (rng: Rng, most = 50): number => 5 + Math.floor((most - 4) * rng.random() ** 2)

/** Returns `count` children of all kinds in random order. */
export function childrenOf(rng: Rng, count: number, place: Installation): StartOptions[] {
  const dealt: StartOptions[] = []
  const order = shuffled(rng, Object.entries(KINDS))
  for (let turn = 0; dealt.length < count; turn++) {
    for (const [name, { options, most }] of order) {
      if (turn < most && dealt.length < count) dealt.push({ name: `${name} ${turn}`, ...options(place) })
    }
  }
  return shuffled(rng, dealt)
}
