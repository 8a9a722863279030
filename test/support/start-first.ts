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
  /** The PORT of the process. */
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

/** Starts a child with `start-first` that answers with the text of its source file. */
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

/** Sends requests until `action` has ended. Returns the sources that answered, and the errors. */
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

/** Code of a server that prints `up` when it listens, and exits at once at SIGTERM. */
export const SAYS_UP = `require('http').createServer((_, r) => r.end('up')).listen(process.env.PORT, () => console.log('up'))`

/** A `ready` function that the test can close, so that processes do not become ready. */
export interface Gate {
  readonly ready: (child: Child, signal: AbortSignal) => Promise<void>
  close(): void
  open(): void
  /** Resolves with the pid of the process that waits. */
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
