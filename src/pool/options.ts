import { integer, show, string } from '../options/parsers.ts'
import { invalid, type OptionSpecs, option, readOptions, required } from '../options/read.ts'
import type { StartOptions } from '../types/options.ts'

/** Options of `createPool`: the options of its children, and their number. */
export interface PoolOptions extends Omit<StartOptions, 'name' | 'signal'> {
  /** Name of the pool. The children are named `name-0`, `name-1` and so on. */
  name: string
  /** Number of children, from 1 to 10,000. */
  size: number
  /** Port of the first child; the other children get the following ports. Replaces `listen`. */
  port?: number
}

/** Upper limit: one host cannot supervise more processes. */
const MOST = 10_000
const LAST_PORT = 65_535

const ROWS: OptionSpecs = {
  name: required(string, 'a text that is not empty'),
  size: required(integer(1, MOST), `a whole number from 1 to ${MOST}`),
  port: option(integer(1, LAST_PORT), `a port number from 1 to ${LAST_PORT}`),
}

/** Returns the name of a child of a pool. */
export const memberName = (pool: string, index: number): string => `${pool}-${index}`

/** Creates the error for invalid options of a pool. */
export const wrong = (what: string): Error => invalid([what], 'createPool()')

/** Validates the pool's own options; the options of the children are validated when they start. */
export function readPool({ listen, ...given }: PoolOptions): { name: string; size: number } {
  const { name, size, port } = readOptions(own(given), ROWS, { by: 'createPool()' }) as unknown as PoolOptions
  if (port === undefined) return { name, size }
  if (listen !== undefined) throw wrong('`port` stands in the place of `listen`; give one of them')
  const last = LAST_PORT - size + 1
  if (port > last)
    throw wrong(
      `\`port\` must be at most ${last}, so that ${size} children find room, but it is ${show(port)}`,
    )
  return { name, size }
}

const own = ({ name, size, port }: Partial<PoolOptions>): object => ({ name, size, port })
