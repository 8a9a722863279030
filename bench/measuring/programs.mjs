// The measured children: a small HTTP server in Node, and the smallest server in C.
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const folder = path.join(import.meta.dirname, '../children')

export const NODE = { command: process.execPath, args: [path.join(folder, 'server.cjs')] }

/** Compiles the C server, or returns why that is impossible. */
export function compile(into) {
  const program = path.join(into, 'server')
  const { error, status } = spawnSync('cc', ['-O2', '-o', program, path.join(folder, 'server.c')])
  if (error) return { missing: '`cc` is not installed' }
  if (status !== 0) return { missing: '`cc` could not compile the C server' }
  return { command: program, args: [] }
}
