import type { SpinnerError } from '../errors.ts'
import type { LineBuffer } from '../process/output.ts'
import type { ChildInfo } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

/** Facts that hold at this moment. */
export type LiveInfo = Pick<ChildInfo, 'state' | 'pid' | 'address' | 'target' | 'verified' | 'elsewhere'>

/** How the child is used, and what its checks found. */
export type UsageInfo = Pick<ChildInfo, 'leases' | 'idleAt' | 'checks'>

/** The facts about a child that sleeps. */
export const NO_LIVE_INFO: LiveInfo = {
  state: 'stopped',
  pid: null,
  address: null,
  target: null,
  verified: false,
  elsewhere: null,
}

/** Returns a frozen snapshot. `options` come from the settings in force: see {@link withoutSecrets}. */
export function snapshot(
  name: string,
  options: ChildInfo['options'],
  { state, pid, address, target, verified, elsewhere }: LiveInfo,
  history: ChildHistory,
  { leases, idleAt, checks }: UsageInfo,
): ChildInfo {
  return Object.freeze({
    name,
    state,
    pid,
    address,
    port: address,
    target,
    verified,
    elsewhere,
    options,
    startedAt: dateOf(history.startedAt),
    readyAt: dateOf(history.readyAt),
    restarts: history.restarts,
    crashes: history.crashes,
    leases,
    idleAt,
    checks,
    lastExit: history.lastExit,
    lastError: history.lastError,
    reason: history.reason,
    output: history.output === null ? SILENT : Object.freeze(history.output.last()),
  })
}

/** Returns settings without the values of `env`, which may be secrets. */
export const withoutSecrets = (settings: ChildSettings): ChildInfo['options'] =>
  Object.freeze({ ...settings, env: Object.freeze(Object.keys(settings.env)) })

const SILENT: readonly string[] = Object.freeze([])

const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at))

/** Facts that a child keeps from one activation to the next: all that is left of it while it sleeps. */
export interface ChildHistory {
  readonly reason: string
  readonly restarts: number
  readonly crashes: number
  /** Wall-clock milliseconds, for display only. */
  readonly startedAt: number | null
  readonly readyAt: number | null
  readonly lastError: SpinnerError | null
  readonly lastExit: ChildInfo['lastExit']
  /** Null while there is no output. */
  readonly output: LineBuffer | null
}

/** The history of a child that was never started. */
export const NO_HISTORY: ChildHistory = {
  reason: 'it has not been started',
  restarts: 0,
  crashes: 0,
  startedAt: null,
  readyAt: null,
  lastError: null,
  lastExit: null,
  output: null,
}
