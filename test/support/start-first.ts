import { readdirSync } from 'node:fs'
import path from 'node:path'
import { type Deferred, deferred } from '../../src/promises.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { fixture, get, newFile, newFolder, newSpinner, until } from './host.ts'

export interface Answer {
  readonly source: string
  readonly pid: number
  /** What the process was told to listen on. */
  readonly port: string
}

export interface Stage {
  readonly spinner: Spinner
  readonly child: Child
  readonly options: StartOptions
  readonly source: string
  readonly folder: string
  /** `state` events, in order. */
  readonly states: string[]
  readonly errors: Error[]
  ask(pathname?: string): Promise<Answer>
}

/** A child that answers with what its source says, and is replaced without a gap. */
export async function serving(changes: Partial<StartOptions> = {}, sys: Sys = realSys): Promise<Stage> {
  const folder = path.join(newFolder(), 'sockets')
  const source = newFile('source.txt', 'one')
  const spinner = newSpinner({ runtimeDir: folder }, sys)
  const options: StartOptions = {
    name: 'app',
    args: [fixture('says-source-gracefully.js')],
    env: { SOURCE: source },
    restartOrder: 'start-first',
    attempts: 1,
    ...changes,
  }
  const child = spinner.start(options)
  const states: string[] = []
  const errors: Error[] = []
  child.on('state', (to) => void states.push(to))
  child.on('error', (error) => void errors.push(error))
  await child
  states.length = 0
  const ask = async (pathname = '/'): Promise<Answer> => JSON.parse(await get(child.target, pathname))
  return { spinner, child, options, source, folder, states, errors, ask }
}

/** Asks over and over until `action` has ended; gives the sources that answered, and what failed. */
export async function askingDuring(
  stage: Stage,
  action: () => Promise<unknown>,
): Promise<{ sources: Set<string>; failed: unknown[]; asked: number }> {
  const sources = new Set<string>()
  const failed: unknown[] = []
  let asked = 0
  let done = false
  const asker = async (pathname: string): Promise<void> => {
    while (!done) {
      asked++
      await stage.ask(pathname).then(
        ({ source }) => sources.add(source),
        (error) => failed.push(error),
      )
    }
  }
  const askers = [asker('/'), asker('/'), asker('/slow')]
  try {
    await action()
  } finally {
    done = true
    await Promise.all(askers)
  }
  return { sources, failed, asked }
}

/** Answers, says so, and ends at once when it is asked to. */
export const SAYS_UP = `require('http').createServer((_, r) => r.end('up')).listen(process.env.PORT, () => console.log('up'))`

/** A `ready` that lets processes through, or holds them back. */
export interface Gate {
  readonly ready: (child: Child, signal: AbortSignal) => Promise<void>
  close(): void
  open(): void
  /** The process that is held back. */
  pid(): Promise<number>
}

export function heldBack(): Gate {
  let held: Deferred<void> | null = null
  let waiting: number | null = null
  const ready = async (child: Child, signal: AbortSignal): Promise<void> => {
    const { pid } = await until(async () => {
      signal.throwIfAborted()
      return get(child.target).then(
        (body) => JSON.parse(body) as Answer,
        () => null,
      )
    })
    waiting = pid
    await held?.promise
    signal.throwIfAborted()
  }
  return {
    ready,
    close: () => {
      held = deferred()
      waiting = null
    },
    open: () => {
      held?.resolve()
      held = null
    },
    pid: () => until(() => waiting, 'the new process'),
  }
}

export const socketsOf = ({ folder }: Pick<Stage, 'folder'>): string[] =>
  readdirSync(folder).filter((file) => file.endsWith('.sock'))
