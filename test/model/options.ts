/** The options of a child that the model covers. Durations are seconds. */
export interface ModelOptions {
  readonly attempts: number
  readonly timeout: number
  readonly stopTimeout: number
  readonly stopScope: 'group' | 'leader'
  readonly idleTimeSec: number | null
  readonly restart: 'always' | 'on-failure' | 'never'
  readonly restartTolerance: number
  readonly maxRestarts: number
  readonly faultTimeout: number
  /** True if the child gets an address from the allocator of the world. */
  readonly listens: boolean
  /** True if the child has a socket and `restartOrder: 'start-first'`. */
  readonly startFirst: boolean
  readonly monitored: boolean
  readonly checked: boolean
}

export const CHECK_INTERVAL_S = 1.3
export const CHECK_RETRIES = 2

export const USUAL: ModelOptions = {
  attempts: 2,
  timeout: 3,
  stopTimeout: 2,
  stopScope: 'leader',
  idleTimeSec: null,
  restart: 'always',
  restartTolerance: 10,
  maxRestarts: 1,
  faultTimeout: 5,
  listens: true,
  startFirst: false,
  monitored: false,
  checked: false,
}
