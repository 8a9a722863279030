import type { Address, Child, Figures } from './child.ts'
import type { Duration } from './options.ts'
import type { Spinner } from './spinner.ts'

/**
 * Something that takes part in the life of children: a proxy's list of upstreams, metrics, a gateway. A member
 * that is absent is a feature that the plugin does not have. What a member throws becomes an `error` event, and
 * the child goes on.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const upstream = new Set()
 * const spinner = createSpinner({
 *   plugins: [{
 *     name: 'upstream',
 *     ready: (child) => void upstream.add(child.address),
 *     drain: async (child) => void upstream.delete(child.address),
 *   }],
 * })
 * await spinner.close()
 */
export interface Plugin {
  readonly name: string
  /** Called once, when the plugin is added. */
  setup?(spinner: Spinner): unknown
  /** The child accepts on its address; it is `started` when this has settled. Awaited, plugin by plugin. */
  ready?(child: Child): unknown
  /** The child is about to be ended: take it out of traffic and wait for what is in flight. Awaited, in order. */
  drain?(child: Child, reason: string, signal: AbortSignal): unknown
  /** Nothing of the child's process is left. */
  gone?(child: Child): unknown
  /** The spinner closes, or the plugin is removed. The close of the spinner waits for it, up to a minute. */
  close?(): unknown
}

/**
 * Where addresses come from. `allocate` is called before each spawn of a child that holds none; `release` when it
 * is stopped, or when the address turned out to be taken.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * let next = 9000
 * const spinner = createSpinner({
 *   listen: { allocate: async () => next++, release: () => {} },
 * })
 * await spinner.close()
 */
export interface Allocator {
  allocate(name: string): Promise<Address> | Address
  release(address: Address): unknown
}

/** What a run of a {@link Check} may resolve with. */
export type CheckResult = Promise<Figures | null | undefined> | Promise<void>

/**
 * A health check of a started child. A rejection is the reason; `retries` of them in a row make the child
 * unhealthy, and it is restarted. `spinner/checks` has some that are ready-made, and `check()`, which adds a time
 * limit and checks its options.
 *
 * @example
 * import { createSpinner } from 'spinner'
 *
 * const spinner = createSpinner({
 *   checks: [{ name: 'always well', interval: 5, retries: 3, run: async () => ({ queued: 0 }) }],
 * })
 * await spinner.close()
 */
export interface Check {
  /** Each check of a child has another. */
  readonly name: string
  /** Seconds from the end of one run to the next. */
  readonly interval: Duration
  /** How many failures in a row make the child unhealthy. */
  readonly retries: number
  /**
   * Rejects when the child is not well; the error may carry `figures`. Resolves with nothing or with an object of
   * numbers, which `ChildInfo.checks` shows, when it is well; and with `null` when nothing could be told: that is neither
   * a failure nor a success. The signal is aborted when the child is not started any more.
   */
  run(child: Child, signal: AbortSignal): CheckResult
}
