/// <reference types="node" preserve="true" />
export { type CommandOptions, command } from './command.ts'
export { type CheckOptions, check } from './custom.ts'
export { type MemoryOptions, memory } from './memory.ts'
export type { PaceOptions } from './options.ts'
export { type ResponseTimeOptions, responseTime } from './response-time.ts'
