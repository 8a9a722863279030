import { show, text, whole } from '../options/parsers.ts'
import { invalid, type Rows, readOptions, required, row } from '../options/read.ts'
import type { StartOptions } from '../types/options.ts'

/** What `createPool` takes: the options of its children, and how many there shall be. */
export interface PoolOptions extends Omit<StartOptions, 'name' | 'signal'> {
  /** Its children are called `name-0`, `name-1` and so on. */
  name: string
  /** How many children, from 1. */
  size: number
  /** The port of the first child; those of the others follow it. Stands in the place of `listen`. */
  port?: number
}

/** More processes than one host can look after. */
const MOST = 10_000
const LAST_PORT = 65_535

const ROWS: Rows = {
  name: required(text, 'a text that is not empty'),
  size: required(whole(1, MOST), `a whole number from 1 to ${MOST}`),
  port: row(whole(1, LAST_PORT), `a port number from 1 to ${LAST_PORT}`),
}

/** What a child of a pool is called. */
export const nameOf = (pool: string, index: number): string => `${pool}-${index}`

/** Something is wrong with what was given to a pool. */
export const wrong = (what: string): Error => invalid([what], 'createPool()')

/** The part of the options that is the pool's own; what its children take is read with them. */
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
