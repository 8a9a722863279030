import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import type { StartOptions } from '../../src/index.ts'

const fixture = (name: string): string => path.join(process.cwd(), 'test/fixtures', name)
const cache = path.join(process.cwd(), 'node_modules/.cache/chaos')

/** What `test/fixtures/listens-as-told.js` is told. */
export interface Told {
  /** It waits so long before it binds. */
  readonly BEFORE_MS?: number
  /** It waits for this file before it binds. */
  readonly GO?: string
  /** It ends so long after it has bound. */
  readonly AFTER_MS?: number
  readonly EXIT_CODE?: number
  readonly BIND?: string
  readonly IGNORES_TERM?: 'yes'
  /** At SIGTERM it answers those who have connected, and ends. */
  readonly GRACEFUL?: 'yes'
  /** It lives on where its address is taken. */
  readonly STAYS?: 'yes'
  /** It holds a socket besides the one that it listens on. */
  readonly HOLDS_ANOTHER?: 'yes'
}

/** A child that listens: a small compiled program where there is a compiler, or else the same as a Node program. */
export function listener(told: Told = {}): Pick<StartOptions, 'command' | 'args' | 'env'> {
  compiled ??= compile()
  const env = { ...told }
  return compiled === 'none'
    ? { command: process.execPath, args: [fixture('listens-as-told.js')], env }
    : { command: compiled, env }
}

let compiled: string | undefined

/** Kept from one run to the next, under the name of its source. */
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
