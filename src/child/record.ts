import type { SpinnerError } from '../errors.ts'
import type { Ring } from '../process/output.ts'
import type { ChildInfo } from '../types/child.ts'

/** What is remembered of a child from one of its lives to the next: all that there is of it while it sleeps. */
export interface ChildRecord {
  readonly reason: string
  readonly restarts: number
  readonly crashes: number
  /** Wall-clock milliseconds, as all that is shown. */
  readonly startedAt: number | null
  readonly readyAt: number | null
  readonly lastError: SpinnerError | null
  readonly lastExit: ChildInfo['lastExit']
  /** Null while it has written nothing. */
  readonly output: Ring | null
}

/** Of a child that was never started. */
export const BLANK: ChildRecord = {
  reason: 'it has not been started',
  restarts: 0,
  crashes: 0,
  startedAt: null,
  readyAt: null,
  lastError: null,
  lastExit: null,
  output: null,
}
