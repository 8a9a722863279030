import { SpinnerError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import type { NginxSettings } from '../options.ts'
import { type CommandResult, NginxNotRunning, runCommand, runNginx } from './command.ts'
import { findMaster, notRunning, pidFileOf, signalMaster } from './master.ts'
import { newProcesses, type Processes } from './processes.ts'

/** Milliseconds between two looks at the workers, while new ones are expected. */
const NEW_WORKERS_POLL_MS = 10
/** Milliseconds between two looks at the workers, while old ones are expected to exit. */
const OLD_WORKERS_POLL_MS = 25

/** Children of a master before a reload, by key, with their titles. */
type WorkersBefore = ReadonlyMap<string, string>

/** The workers that ran before a reload. They serve the connections that they have by the old configuration. */
export interface OldWorkers {
  /** Returns whether one of them is alive. */
  areAlive(): Promise<boolean>
  /** Resolves when none of them is alive, or when the signal is aborted. */
  exited(signal: AbortSignal): Promise<void>
}

const NO_WORKERS: OldWorkers = { areAlive: async () => false, exited: async () => {} }

/** Runs `nginx -t`, or the user's command, if the settings ask for it. Throws with nginx's own line if the test fails. */
export async function testNginx(sys: Sys, settings: NginxSettings): Promise<void> {
  const { config, test, timeout } = settings
  if (test === false) return
  const nginxTest = (): Promise<CommandResult> =>
    runNginx(sys, settings, ['-t', ...(config === null ? [] : ['-c', config])])
  const result = await (test === true ? nginxTest() : runCommand(sys, test, timeout))
  if (result.code !== 0)
    throw commandError('nginx rejects its configuration, so spinner restored the file', result)
}

/** Reloads nginx. Resolves when only new workers accept connections. Throws if the reload fails or has no effect. */
export async function reloadNginx(sys: Sys, settings: NginxSettings): Promise<OldWorkers> {
  const { reload, timeout } = settings
  if (reload === false) return NO_WORKERS
  const processes = newProcesses(sys, timeout)
  if (reload === true) {
    const master = await findMaster(sys, processes, await pidFileOf(sys, settings))
    const before = await processes.childrenOf(master)
    signalMaster(sys, master)
    return waitForNewWorkers(sys, processes, master, before, timeout)
  }
  // The command of the user decides which nginx it reloads. If spinner finds a master too, it can watch its workers.
  const master = await pidFileOf(sys, settings)
    .then((file) => findMaster(sys, processes, file))
    .catch(() => null)
  const before: WorkersBefore = master === null ? new Map() : await processes.childrenOf(master)
  const result = await runCommand(sys, reload, timeout)
  if (result.code !== 0) throw commandError(`'${reload.join(' ')}' exited with code ${result.code}`, result)
  if (master === null) return NO_WORKERS
  return waitForNewWorkers(sys, processes, master, before, timeout).catch((thrown) => {
    // The command may have started another nginx in place of this one.
    if (thrown instanceof NginxNotRunning) return NO_WORKERS
    throw thrown
  })
}

function commandError(what: string, { code, text }: CommandResult): SpinnerError {
  const output = text.trim().split('\n')
  return new SpinnerError('ERR_SPINNER_NOT_READY', `${what}: ${reasonIn(output)}`, { exitCode: code, output })
}

/** Title of a worker that accepts no new connections any more. */
const SHUTTING_DOWN = /worker process is shutting down/

/**
 * Waits until new workers accept connections and no old one does. nginx accepts a SIGHUP with any configuration, so only
 * new workers prove that it loaded this one. For a while, old workers accept connections too, by the old configuration.
 */
async function waitForNewWorkers(
  sys: Sys,
  processes: Processes,
  master: number,
  before: WorkersBefore,
  timeout: number,
): Promise<OldWorkers> {
  const deadline = sys.clock.now() + timeout * 1_000
  for (;;) {
    const now = await processes.childrenOf(master)
    const hasNew = [...now.keys()].some((worker) => !before.has(worker))
    const oldServe = [...before.keys()].some(
      (worker) => now.has(worker) && !SHUTTING_DOWN.test(now.get(worker) ?? ''),
    )
    const isLate = sys.clock.now() > deadline
    if (hasNew && (!oldServe || isLate)) return oldWorkers(sys, processes, master, before)
    if (now.size === 0 && (await processes.programOf(master)) === null)
      throw notRunning(`process ${master} has ended`)
    if (isLate) throw noNewWorkersError(master, timeout)
    await sys.pause(NEW_WORKERS_POLL_MS)
  }
}

function oldWorkers(sys: Sys, processes: Processes, master: number, before: WorkersBefore): OldWorkers {
  const areAlive = async (): Promise<boolean> => {
    const now = await processes.childrenOf(master)
    return [...before.keys()].some((worker) => now.has(worker))
  }
  return {
    areAlive,
    exited: async (signal) => {
      while (!signal.aborted && (await areAlive())) await sys.pause(OLD_WORKERS_POLL_MS)
    },
  }
}

function noNewWorkersError(master: number, timeout: number): SpinnerError {
  const what = `nginx (pid ${master}) got the signal to reload, but has no new workers after ${timeout} s`
  const remedy = 'its configuration may be broken: see `nginx -t` and the error log of nginx'
  return new SpinnerError('ERR_SPINNER_NOT_READY', `${what}; ${remedy}.`)
}

const SEVERE = /\[(?:emerg|alert|crit|error)\] .*/

/** Returns nginx's own error line, without time and pid; otherwise the last line. */
function reasonIn(lines: readonly string[]): string {
  const severe = lines.find((line) => SEVERE.test(line))
  return severe ? (SEVERE.exec(severe)?.[0] ?? severe) : (lines.at(-1) ?? '')
}
