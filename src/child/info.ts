import type { ChildInfo } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { ChildRecord } from './record.ts'

/** What there is of a child at this moment, besides what is remembered of it. */
export type Presence = Pick<ChildInfo, 'state' | 'pid' | 'address' | 'target' | 'verified' | 'elsewhere'>

/** How it is used and how it fares. */
export type Condition = Pick<ChildInfo, 'leases' | 'idleAt' | 'checks'>

/** Nothing of it. */
export const ABSENT: Presence = {
  state: 'stopped',
  pid: null,
  address: null,
  target: null,
  verified: false,
  elsewhere: null,
}

/** A frozen picture of a child. `options` are those of the settings in force: see {@link shownOf}. */
export function pictureOf(
  name: string,
  options: ChildInfo['options'],
  { state, pid, address, target, verified, elsewhere }: Presence,
  record: ChildRecord,
  { leases, idleAt, checks }: Condition,
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
export const shownOf = (settings: ChildSettings): ChildInfo['options'] =>
  Object.freeze({ ...settings, env: Object.freeze(Object.keys(settings.env)) })

const SILENT: readonly string[] = Object.freeze([])

const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at))
