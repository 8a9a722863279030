import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { createSpinnerOn } from '../../src/spinner.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { Target } from '../../src/types/child.ts'
import type { SpinnerOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'

export const fixtures: string = path.join(import.meta.dirname, '../fixtures')
export const fixture = (name: string): string => path.join(fixtures, name)

/** Spinners that are closed after the test. */
export const spinners: Set<Spinner> = new Set()

/** Creates a spinner without output. Its children have TEST_MARK in their environment. It is closed after the test. */
export function newSpinner(options: SpinnerOptions = {}, sys: Sys = realSys): Spinner {
  const env = { ...options.env, TEST_MARK: String(process.pid) }
  // Start no watchdog with a changed `sys`, because such tests count the spawns of children or make them fail.
  const orphans: 'kill' | 'leave' = sys === realSys ? 'kill' : 'leave'
  const quiet = { orphans, logger: null, stdout: null, stderr: null, monitor: null }
  const spinner = createSpinnerOn(sys, { ...quiet, ...options, env })
  spinners.add(spinner)
  return spinner
}

/** Creates a temporary folder, which is removed after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes a file in a temporary folder and returns its path. */
export function newFile(name: string, text: string, folder: string = newFolder()): string {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  return file
}

/** Sends `GET pathname` and returns the body of the response. */
export function get(target: Target | null, pathname = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ ...target, path: pathname, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve(body))
    })
    request.on('error', reject)
  })
}

/** Waits until `look` returns something truthy, and returns that. Throws after 45 seconds. */
export async function until<Value>(
  look: () => Value | Promise<Value>,
  what = 'it',
): Promise<NonNullable<Value>> {
  const deadline = Date.now() + 45_000
  for (;;) {
    const seen = await look()
    if (seen) return seen as NonNullable<Value>
    if (Date.now() > deadline) throw new Error(`${what} did not happen`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Returns whether a pid can be signalled. A zombie can. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Resolves with the arguments of the next event of an emitter. */
export function next(
  emitter: { once(event: never, listener: (...args: never[]) => void): unknown },
  event: string,
): Promise<unknown[]> {
  return new Promise((resolve) => emitter.once(event as never, (...args: unknown[]) => resolve(args)))
}
