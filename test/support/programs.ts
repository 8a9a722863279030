import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** The folder of this repository. */
export const root: string = path.join(import.meta.dirname, '../..')

/** A program as a reader would paste it, and the files that it expects in its folder. */
export interface Program {
  /** Page or source with its line, for the title of the test. */
  readonly title: string
  readonly file: string
  readonly text: string
  readonly beside: Readonly<Record<string, string>>
}

/** The exit of a program. */
export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/** A program that takes longer than this hangs. */
const LONGEST_MS = 45_000

/** Runs a command until it exits. Its processes have TEST_MARK in their environment. */
export function run(command: string, args: readonly string[], cwd: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, TEST_MARK: String(process.pid) }
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LONGEST_MS })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}

/** Runs a program in its own folder, in which the package is installed. */
export async function runProgram({ file, text, beside }: Program): Promise<Outcome> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-program-'))
  try {
    mkdirSync(path.join(folder, 'node_modules'))
    symlinkSync(root, path.join(folder, 'node_modules/spinner'), 'dir')
    for (const [name, content] of Object.entries(beside)) writeFileSync(path.join(folder, name), content)
    writeFileSync(path.join(folder, file), text)
    return await run(process.execPath, [file], folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Calls `action` for each item, two at a time, and returns the results in order. */
export async function twoAtATime<Item, Result>(
  items: readonly Item[],
  action: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await action(items[index] as Item)
    }
  }
  await Promise.all([work(), work()])
  return results
}
