import type { Address, Child, Figures } from './child.ts'
import type { Duration } from './options.ts'
import type { Spinner } from './spinner.ts'

/**
 * Takes part in the lifecycle of children: a proxy's list of upstreams, metrics, a gateway. All hooks are optional. An error
 * that a hook throws becomes an `error` event, and the child continues.
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
  /** Called when the child accepts connections. It becomes `started` when this hook has settled. Plugins are called in order. */
  ready?(child: Child): unknown
  /** Called before the child is stopped: remove it from traffic and wait for requests in flight. Plugins are called in order. */
  drain?(child: Child, reason: string, signal: AbortSignal): unknown
  /** Called when the process of the child and its group are gone. */
  gone?(child: Child): unknown
  /** Called when the spinner closes, or the plugin is removed. `close()` of the spinner waits up to a minute for it. */
  close?(): unknown
}

/**
 * Provides addresses. `allocate` is called before each spawn of a child without an address. `release` is called when the
 * child is stopped, or when another process uses the address.
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

/** Result of a run of a {@link Check}. */
export type CheckResult = Promise<Figures | null | undefined> | Promise<void>

/**
 * A health check of a started child. A run fails by rejecting. After `retries` consecutive failures the child is unhealthy,
 * and spinner restarts it. `spinner/checks` contains ready-made checks, and `check()`, which adds a time limit and validates
 * its options.
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
  /** Unique among the checks of a child. */
  readonly name: string
  /** Seconds from the end of one run to the next. */
  readonly interval: Duration
  /** Number of consecutive failures that make the child unhealthy. */
  readonly retries: number
  /**
   * Rejects if the child is unhealthy; the error can have a property `figures`. Resolves if the child is healthy, with nothing
   * or with an object of numbers, which `ChildInfo.checks` shows. Resolves with `null` if the result is unknown, which is
   * neither a failure nor a success. The signal is aborted when the child is no longer started.
   */
  run(child: Child, signal: AbortSignal): CheckResult
}
