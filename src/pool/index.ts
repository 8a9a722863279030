/// <reference types="node" preserve="true" />
import { realSys, type Sys } from '../sys.ts'
import type { Spinner } from '../types/spinner.ts'
import { invalidPool, memberName, type PoolOptions, readPool } from './options.ts'
import { Pool } from './pool.ts'

export type { PoolOptions } from './options.ts'
export type { Pool } from './pool.ts'

/**
 * Creates a pool: `size` identical children of a spinner, which the pool keeps running and restarts one by one. Starts
 * nothing yet. The children are never idle, unless the options contain `idleTimeSec`. If a file that `monitor` watches
 * changes, the pool restarts its children one by one.
 *
 * Throws `ERR_SPINNER_INVALID_OPTION` if an option is invalid, or if a child already has one of the names.
 *
 * @example
 * import { createSpinner } from 'spinner'
 * import { createPool } from 'spinner/pool'
 *
 * const spinner = createSpinner({ logger: null })
 * const pool = createPool(spinner, { name: 'sleeper', size: 3, command: 'sleep', args: ['60'], listen: null })
 * await pool.start()
 * await pool.restart() // one by one
 * await pool.resize(2)
 * console.log(pool.children.map((child) => child.state)) // [ 'started', 'started' ]
 * await spinner.close()
 */
export function createPool(spinner: Spinner, options: PoolOptions): Pool {
  return createPoolOn(realSys, spinner, options)
}

/** @internal Creates a pool that uses another outside world, such as that of a test. */
export function createPoolOn(sys: Sys, spinner: Spinner, options: PoolOptions): Pool {
  const { name, size } = readPool(options)
  const names = Array.from({ length: size }, (_, index) => memberName(name, index))
  const taken = names.find((each) => spinner.child(each))
  if (taken !== undefined) throw invalidPool(`a child '${taken}' already exists; choose another \`name\``)
  return new Pool(sys, spinner, options)
}
