import { parseArgs } from 'node:util'
import type { Fault } from './fault.ts'

export const USAGE = `npm run chaos -- [options]

Makes things go wrong for real, often and each time in another way, and says what held.

  --seed N      the seed of all random choices; another one each time unless it is given
  --only TEXT   only faults whose name holds TEXT, or is TEXT
  --times N     so often each
  --scale X     so much of the full number of times, 0.1 for a tenth
  --short       the few times that are part of the tests
  --index N     one injection alone: the one that had this index
  --list        names the faults, and how often each is injected
  --json FILE   writes all figures to FILE
  --help        this`

/** What was asked for. */
export interface Asked {
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

/** Throws, in words for the user, what cannot be understood. */
export function readArguments(args: readonly string[]): Asked {
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
  throw new Error(`--${name} must be ${whole ? 'a whole number' : 'a number'} from 0, but it is '${text}'.`)
}

/** The faults that were asked for: the one of that very name, or all whose name holds the text. */
export function chosen(faults: readonly Fault[], { only }: Pick<Asked, 'only'>): readonly Fault[] {
  const one = faults.filter(({ name }) => name === only)
  return one.length > 0 ? one : faults.filter(({ name }) => name.includes(only))
}

/** The injections of a fault that were asked for. */
export function indexesOf(fault: Fault, { index, times, short, scale }: Asked): number[] {
  if (index !== null) return [index]
  const count = times ?? (short ? fault.short : Math.ceil(fault.times * scale))
  return Array.from({ length: count }, (_, at) => at)
}
