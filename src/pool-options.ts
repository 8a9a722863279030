import { SpinnerError } from './errors.ts'
import type { StartOptions } from './options.ts'
import { show } from './values.ts'

/** What `createPool` takes: the options of its children, and how many there shall be. */
export interface PoolOptions extends Omit<StartOptions, 'name' | 'signal'> {
  /** Its children are called `name-0`, `name-1` and so on. */
  name: string
  /** How many children, from 1. */
  size: number
  /** The port of the first child; those of the others follow it. Stands in the place of `listen`. */
  port?: number
}

/** What a child of a pool is called. */
export const nameOf = (pool: string, index: number): string => `${pool}-${index}`

/** More processes than one host can look after. */
const MOST = 10_000
const LAST_PORT = 65_535

/** The part of the options that is the pool's own; what its children take is read with them. */
export function readPool({ listen, name, port, size }: PoolOptions): { name: string; size: number } {
  if (typeof name !== 'string' || name === '')
    throw wrong(`\`name\` must be a text that is not empty, but it is ${show(name)}`)
  if (!Number.isSafeInteger(size) || size < 1 || size > MOST)
    throw wrong(`\`size\` must be a whole number from 1 to ${MOST}, but it is ${show(size)}`)
  if (port === undefined) return { name, size }
  if (listen !== undefined) throw wrong('`port` stands in the place of `listen`; give one of them')
  const last = LAST_PORT - size + 1
  if (!Number.isSafeInteger(port) || port < 1 || port > last) {
    throw wrong(
      `\`port\` must be a port number from 1 to ${last}, so that ${size} children find room, but it is ${show(port)}`,
    )
  }
  return { name, size }
}

/** Something is wrong with what was given to a pool. */
export const wrong = (what: string): SpinnerError =>
  new SpinnerError('ERR_SPINNER_INVALID_OPTION', `In the options of a pool ${what}.`)
