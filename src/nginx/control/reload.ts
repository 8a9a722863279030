import { SpinnerError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import type { NginxSettings } from '../options.ts'
import { type CommandResult, NginxNotRunning, runCommand, runNginx } from './command.ts'
import { findMaster, notRunning, pidFileOf, signalMaster } from './master.ts'
import { newProcesses, type Processes } from './processes.ts'

/** Milliseconds between two looks at the workers of nginx. */
const LOOK_MS = 10
const LATER_LOOK_MS = 25

/** The children of a master, before a reload. */
type Before = ReadonlyMap<string, string>

/** The workers that were there before a reload. */
export interface OldWorkers {
  /** Whether one of them still lives. */
  remain(): Promise<boolean>
  /** Resolves when none of them lives, or with the signal. */
  left(signal: AbortSignal): Promise<void>
}

const NONE: OldWorkers = { remain: async () => false, left: async () => {} }

/** Has `nginx -t` say whether the configuration is well; throws nginx's own line when it is not. */
export async function testNginx(sys: Sys, settings: NginxSettings): Promise<void> {
  const { config, test, timeout } = settings
  if (test === false) return
  const own = (): Promise<CommandResult> =>
    runNginx(sys, settings, ['-t', ...(config === null ? [] : ['-c', config])])
  const { code, text } = await (test === true ? own() : runCommand(sys, test, timeout))
  if (code === 0) return
  const why = `nginx refuses its configuration, so the file was put back: ${reasonIn(text)}`
  throw new SpinnerError('ERR_SPINNER_NOT_READY', why, { exitCode: code, output: text.trim().split('\n') })
}

/** Reloads nginx. Resolves when new workers serve, and no others; throws when that cannot be, or did not happen. */
export async function reloadNginx(sys: Sys, settings: NginxSettings): Promise<OldWorkers> {
  const { reload, timeout } = settings
  if (reload === false) return NONE
  const processes = newProcesses(sys, timeout)
  if (reload === true) {
    const master = await findMaster(sys, processes, await pidFileOf(sys, settings))
    const before = await processes.childrenOf(master)
    signalMaster(sys, master)
    return whenReloaded(sys, processes, master, before, timeout)
  }
  // A command of the user's knows whom it reloads; where we do too, the workers can be watched.
  const master = await pidFileOf(sys, settings)
    .then((file) => findMaster(sys, processes, file))
    .catch(() => null)
  const before: Before = master === null ? new Map() : await processes.childrenOf(master)
  await runReload(sys, reload, timeout)
  if (master === null) return NONE
  return whenReloaded(sys, processes, master, before, timeout).catch((thrown) => {
    // The command may have begun another nginx.
    if (thrown instanceof NginxNotRunning) return NONE
    throw thrown
  })
}

async function runReload(sys: Sys, command: readonly string[], timeout: number): Promise<void> {
  const { code, text } = await runCommand(sys, command, timeout)
  if (code === 0) return
  const why = `'${command.join(' ')}' exited with code ${code}: ${reasonIn(text)}`
  throw new SpinnerError('ERR_SPINNER_NOT_READY', why, { exitCode: code, output: text.trim().split('\n') })
}

/** How an nginx names a worker that takes no new connections any more. */
const LEAVING = /worker process is shutting down/

/**
 * A SIGHUP is accepted whatever the configuration is; new workers are the proof that it was taken. For a while the old ones
 * serve beside them, by the old configuration.
 */
async function whenReloaded(
  sys: Sys,
  processes: Processes,
  master: number,
  before: Before,
  timeout: number,
): Promise<OldWorkers> {
  const deadline = sys.clock.now() + timeout * 1_000
  for (;;) {
    const now = await processes.childrenOf(master)
    const isTaken = [...now.keys()].some((worker) => !before.has(worker))
    const serve = [...before.keys()].some((worker) => now.has(worker) && !LEAVING.test(now.get(worker) ?? ''))
    const isLate = sys.clock.now() > deadline
    if (isTaken && (!serve || isLate)) return oldWorkers(sys, processes, master, before)
    if (now.size === 0 && (await processes.programOf(master)) === null)
      throw notRunning(`the process ${master} has ended`)
    if (isLate) throw withoutEffect(master, timeout)
    await sys.pause(LOOK_MS)
  }
}

function oldWorkers(sys: Sys, processes: Processes, master: number, before: Before): OldWorkers {
  const remain = async (): Promise<boolean> => {
    const now = await processes.childrenOf(master)
    return [...before.keys()].some((worker) => now.has(worker))
  }
  return {
    remain,
    left: async (signal) => {
      while (!signal.aborted && (await remain())) await sys.pause(LATER_LOOK_MS)
    },
  }
}

function withoutEffect(master: number, timeout: number): SpinnerError {
  const what = `nginx (pid ${master}) was told to reload, but has no new workers after ${timeout} s`
  const todo = "its configuration may be broken: `nginx -t` and nginx's error log say why"
  return new SpinnerError('ERR_SPINNER_NOT_READY', `${what}; ${todo}.`)
}

const SEVERE = /\[(?:emerg|alert|crit|error)\] .*/

/** nginx's own line, without the time and the number of the process that said it. */
function reasonIn(text: string): string {
  const lines = text.trim().split('\n')
  const severe = lines.find((line) => SEVERE.test(line))
  return severe ? (SEVERE.exec(severe)?.[0] ?? severe) : (lines.at(-1) ?? '')
}
