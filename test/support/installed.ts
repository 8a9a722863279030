import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

const root = path.join(import.meta.dirname, '../..')

/**
 * Installs the package in a folder as it would be from the registry, and returns the folder. Builds the package for this
 * test file alone, because another one may be building `dist` at this moment. Removes the folder after the tests.
 */
export function install(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-installed-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const place = path.join(folder, 'node_modules/spinner')
  mkdirSync(place, { recursive: true })
  cpSync(path.join(root, 'package.json'), path.join(place, 'package.json'))
  symlinkSync(path.join(root, 'node_modules'), path.join(place, 'node_modules'), 'dir')
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
  const project = path.join(root, 'tsconfig.build.json')
  const built = spawnSync(process.execPath, [compiler, '-p', project, '--outDir', path.join(place, 'dist')])
  if (built.status !== 0) throw new Error(`the package could not be built:\n${built.stdout}`)
  return folder
}

/** The exit of a host program. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/** Runs a Node program until it exits. Its processes have TEST_MARK in their environment. */
export function runHost(file: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const host = spawn(process.execPath, [file], {
      cwd: path.dirname(file),
      env: { ...process.env, TEST_MARK: String(process.pid), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
      killSignal: 'SIGKILL',
    })
    let output = ''
    for (const stream of [host.stdout, host.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    host.on('error', reject)
    host.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}
