import { parseArgs } from 'node:util'
import type { Fault } from './fault.ts'

export const USAGE = `npm run chaos -- [options]

Injects real faults into real processes, each time with other random choices, and reports which guarantees held.

  --seed N      seed of all random choices (default: a new one in each run)
  --only TEXT   only the fault with the name TEXT, or all faults whose name contains TEXT
  --times N     injections of each fault
  --scale X     factor for the full number of injections, such as 0.1
  --short       only the few injections that \`npm test\` runs
  --index N     only the injection with this index
  --list        print the names of the faults and their number of injections
  --json FILE   write all figures to FILE
  --help        print this help`

/** The arguments of the command line. */
export interface Arguments {
  readonly seed: number
  readonly only: string
  readonly times: number | null
  readonly scale: number
  readonly short: boolean
  readonly index: number | null
  readonly list: boolean
  readonly json: string | null
  readonly help: boolean
}

const LARGEST_SEED = 2 ** 32

/** Reads the arguments. Throws an error with a message for the user if one is invalid. */
export function readArguments(args: readonly string[]): Arguments {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: text,
      only: text,
      times: text,
      scale: text,
      short: flag,
      index: text,
      list: flag,
      json: text,
      help: flag,
    },
  })
  return {
    seed: numberOf('seed', values.seed, true) ?? Math.floor(Math.random() * LARGEST_SEED),
    only: values.only ?? '',
    times: numberOf('times', values.times, true),
    scale: numberOf('scale', values.scale, false) ?? 1,
    short: values.short,
    index: numberOf('index', values.index, true),
    list: values.list,
    json: values.json ?? null,
    help: values.help,
  }
}

function numberOf(name: string, text: string | undefined, whole: boolean): number | null {
  if (text === undefined) return null
  const value = text === '' ? Number.NaN : Number(text)
  if (value >= 0 && Number.isFinite(value) && (!whole || Number.isSafeInteger(value))) return value
  throw new Error(`--${name} must be ${whole ? 'an integer' : 'a number'} >= 0, but it is '${text}'.`)
}

/** Returns the fault with this exact name, or else all faults whose name contains the text. */
export function selectFaults(faults: readonly Fault[], { only }: Pick<Arguments, 'only'>): readonly Fault[] {
  const one = faults.filter(({ name }) => name === only)
  return one.length > 0 ? one : faults.filter(({ name }) => name.includes(only))
}

/** Returns the indexes of the injections of a fault that the arguments select. */
export function indexesOf(fault: Fault, { index, times, short, scale }: Arguments): number[] {
  if (index !== null) return [index]
  const count = times ?? (short ? fault.short : Math.ceil(fault.times * scale))
  return Array.from({ length: count }, (_, at) => at)
}
