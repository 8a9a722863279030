/// <reference types="node" preserve="true" />
export { nginx } from './nginx.ts'
export type { Belongs, NginxOptions } from './options.ts'
