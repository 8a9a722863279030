import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'
import { fixture } from './host.ts'

/** Compiles a fixture for all tests of a file. Returns the path of the program. */
export function compiled(source: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-compiled-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const program = path.join(folder, path.basename(source, '.c'))
  const { error, status, stderr } = spawnSync('cc', ['-O1', '-o', program, fixture(source)], {
    encoding: 'utf8',
  })
  if (error || status !== 0) throw new Error(`${source} could not be compiled: ${error?.message ?? stderr}`)
  return program
}
