import type { SpinnerError } from '../errors.ts'
import type { LineBuffer } from '../process/output.ts'
import type { ChildInfo } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

/** What there is of a child at this moment, besides what is remembered of it. */
export type LiveInfo = Pick<ChildInfo, 'state' | 'pid' | 'address' | 'target' | 'verified' | 'elsewhere'>

/** How it is used and how it fares. */
export type UsageInfo = Pick<ChildInfo, 'leases' | 'idleAt' | 'checks'>

/** Nothing of it. */
export const NO_LIVE_INFO: LiveInfo = {
  state: 'stopped',
  pid: null,
  address: null,
  target: null,
  verified: false,
  elsewhere: null,
}

/** A frozen picture of a child. `options` are those of the settings in force: see {@link withoutSecrets}. */
export function snapshot(
  name: string,
  options: ChildInfo['options'],
  { state, pid, address, target, verified, elsewhere }: LiveInfo,
  record: ChildHistory,
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
    startedAt: dateOf(record.startedAt),
    readyAt: dateOf(record.readyAt),
    restarts: record.restarts,
    crashes: record.crashes,
    leases,
    idleAt,
    checks,
    lastExit: record.lastExit,
    lastError: record.lastError,
    reason: record.reason,
    output: record.output === null ? SILENT : Object.freeze(record.output.last()),
  })
}

/** Settings as they are shown: the values of `env` may be secrets. */
export const withoutSecrets = (settings: ChildSettings): ChildInfo['options'] =>
  Object.freeze({ ...settings, env: Object.freeze(Object.keys(settings.env)) })

const SILENT: readonly string[] = Object.freeze([])

const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at))

/** What is remembered of a child from one of its lives to the next: all that there is of it while it sleeps. */
export interface ChildHistory {
  readonly reason: string
  readonly restarts: number
  readonly crashes: number
  /** Wall-clock milliseconds, as all that is shown. */
  readonly startedAt: number | null
  readonly readyAt: number | null
  readonly lastError: SpinnerError | null
  readonly lastExit: ChildInfo['lastExit']
  /** Null while it has written nothing. */
  readonly output: LineBuffer | null
}

/** Of a child that was never started. */
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
