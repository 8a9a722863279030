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
const MAX_SIZE = 10_000
const LAST_PORT = 65_535

const POOL_OPTIONS: OptionSpecs = {
  name: required(string, 'a non-empty string'),
  size: required(integer(1, MAX_SIZE), `an integer from 1 to ${MAX_SIZE}`),
  port: option(integer(1, LAST_PORT), `a port number from 1 to ${LAST_PORT}`),
}

/** Returns the name of a child of a pool. */
export const memberName = (pool: string, index: number): string => `${pool}-${index}`

/** Returns the port of a child of a pool; null if the pool has no `port`. */
export const memberPort = ({ port }: PoolOptions, index: number): number | null =>
  port === undefined ? null : port + index

/** Returns the options of a child of a pool. */
export function memberOptions(pool: PoolOptions, index: number): StartOptions & { name: string } {
  const { size: _size, port: _port, ...options } = pool
  const port = memberPort(pool, index)
  const listen = port === null ? {} : { listen: port }
  return { idleTimeSec: -1, ...options, ...listen, name: memberName(pool.name, index) }
}

/** Creates the error for invalid options of a pool. */
export const invalidPool = (problem: string): Error => invalid([problem], 'createPool()')

/** Validates the pool's own options. The options of the children are validated when the children are defined. */
export function readPool(given: PoolOptions): { name: string; size: number } {
  const { name, size, port } = readOptions(ownOptions(given), POOL_OPTIONS, {
    caller: 'createPool()',
  }) as unknown as PoolOptions
  if (port === undefined) return { name, size }
  if (given.listen !== undefined) throw invalidPool('`port` replaces `listen`; give only one of them')
  const last = LAST_PORT - size + 1
  if (port > last)
    throw invalidPool(
      `\`port\` must be at most ${last}, so that each of ${size} children gets a port, but it is ${show(port)}`,
    )
  return { name, size }
}

const ownOptions = ({ name, size, port }: Partial<PoolOptions>): object => ({ name, size, port })
