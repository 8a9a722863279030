export type { PoolOptions } from './options.ts'
export { createPool, type Pool } from './pool.ts'
