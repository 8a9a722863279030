import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export interface Program {
  readonly command: string
  readonly args: readonly string[]
}

let made: Program | null = null

/** Returns a program that listens on PORT: a small one in C, because thousands are started, or else a Node program. */
export function listener(): Program {
  made ??= compile() ?? { command: process.execPath, args: [path.resolve('test/fixtures/hello.js')] }
  return made
}

function compile(): Program | null {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-listener-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const program = path.join(folder, 'listener')
  const { status } = spawnSync('cc', ['-O1', '-o', program, path.resolve('test/faults/listener.c')])
  return status === 0 && existsSync(program) ? { command: program, args: [] } : null
}
