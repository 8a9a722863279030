import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import type { StartOptions } from '../../src/index.ts'

const fixture = (name: string): string => path.join(process.cwd(), 'test/fixtures', name)
const cache = path.join(process.cwd(), 'node_modules/.cache/chaos')

/** The environment variables that `test/fixtures/listens-as-told.js` reads. */
export interface ListenerEnv {
  /** Milliseconds to wait before the bind. */
  readonly BEFORE_MS?: number
  /** Path of a file to wait for before the bind. */
  readonly GO?: string
  /** Milliseconds from the bind to the exit. */
  readonly AFTER_MS?: number
  readonly EXIT_CODE?: number
  readonly BIND?: string
  readonly IGNORES_TERM?: 'yes'
  /** At SIGTERM, answer the clients that have connected, then exit. */
  readonly GRACEFUL?: 'yes'
  /** Keep running if the address is taken. */
  readonly STAYS?: 'yes'
  /** Hold another socket besides the one that it listens on. */
  readonly HOLDS_ANOTHER?: 'yes'
}

/** Returns a child that listens: a small compiled program if there is a compiler, or else the same as a Node program. */
export function listener(settings: ListenerEnv = {}): Pick<StartOptions, 'command' | 'args' | 'env'> {
  compiled ??= compile()
  const env = { ...settings }
  return compiled === 'none'
    ? { command: process.execPath, args: [fixture('listens-as-told.js')], env }
    : { command: compiled, env }
}

let compiled: string | undefined

/** Compiles the program once. It is cached under the hash of its source. */
function compile(): string {
  const source = fixture('listens-as-told.c')
  const program = path.join(
    cache,
    createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16),
  )
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const draft = `${program}.${process.pid}`
  const { status } = spawnSync('cc', ['-O1', '-o', draft, source], { stdio: 'ignore' })
  if (status !== 0) return 'none'
  renameSync(draft, program)
  return program
}
