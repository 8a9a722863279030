import { messageOf } from '../../errors.ts'
import type { Place } from '../../gateway/index.ts'
import { FaultRetry } from '../../pool/retry.ts'
import { untilAborted } from '../../promises.ts'
import type { Clock } from '../../sys.ts'
import type { Child } from '../../types/child.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { Config, Member, PoolConfig } from '../config/model.ts'
import type { Printer } from '../output/printer.ts'
import { Children } from './children.ts'
import { GatewayRunner } from './gateway.ts'
import type { ChildIo } from './library-options.ts'
import { NginxPlugins } from './nginx.ts'
import {
  allNames,
  type ChildrenAndPools,
  childrenAndPools,
  type Names,
  type Plan,
  planChanges,
} from './plan.ts'
import { Pools } from './pools.ts'

type Step = () => Promise<void>

/** Ends a wait that a newer configuration has replaced. It is never printed. */
const REPLACED = new Error('A newer configuration has replaced this one.')

/** Runs what a configuration contains (children, pools, nginx, a gateway), and changes it into another configuration. */
export class Reconciler {
  readonly #spinner: Spinner
  readonly #printer: Printer
  readonly #children: Children
  readonly #pools: Pools
  readonly #nginx: NginxPlugins
  readonly #faultRetry: FaultRetry
  readonly #gateway: GatewayRunner
  #members: ChildrenAndPools = { children: new Map(), pools: new Map() }
  #waits = new AbortController()

  constructor(spinner: Spinner, clock: Clock, io: ChildIo, printer: Printer) {
    this.#spinner = spinner
    this.#printer = printer
    this.#children = new Children(spinner, io)
    this.#pools = new Pools(spinner, io)
    this.#nginx = new NginxPlugins(spinner)
    this.#gateway = new GatewayRunner(spinner, printer)
    const mustRun = ({ name }: Child): boolean => this.#child(name)?.isLazy === false
    this.#faultRetry = new FaultRetry(spinner, clock, mustRun)
  }

  /** The names of all children of the configuration. */
  get names(): string[] {
    return allNames(this.#members)
  }

  /** The address of the gateway; null if there is none. */
  get address(): Place | null {
    return this.#gateway.address
  }

  /** Returns whether only requests start a child. */
  isLazy(name: string): boolean {
    return this.#child(name)?.isLazy === true
  }

  /** Returns whether a child is down although nothing has stopped it, so that it will be tried again. */
  needsRetry(name: string): boolean {
    return this.#spinner.child(name)?.needsRetry === true
  }

  /**
   * Changes what differs from the configuration before, and nothing else. Resolves when every child is up or has failed,
   * or when a newer configuration ends the wait. Throws, and changes nothing, if the gateway cannot listen.
   */
  async apply(config: Config): Promise<void> {
    this.#waits = new AbortController()
    const { signal } = this.#waits
    const applied = { children: this.#children.applied, pools: this.#pools.applied }
    const addressOf = (name: string) => this.#spinner.child(name)?.address ?? null
    const plan = planChanges({ applied, before: this.#members }, childrenAndPools(config), addressOf)
    await this.#replaceMembers(plan.after, async () => {
      await this.#define(plan.unclaimed)
      // Switch the routes first, because a route to a child that is about to stop would start it again.
      await this.#gateway.apply(config)
    })
    // Define the names that other members had only now, because those stay as they are if the gateway cannot listen.
    await this.#define({ children: plan.children.added, pools: plan.pools.added })
    await this.#nginx.apply(config.nginx)
    await this.#settle(this.#stopSteps(plan).map((step) => step()))
    await this.#run(this.#startSteps(plan), signal)
    for (const step of this.#changeSteps(plan)) await this.#run([step], signal)
  }

  /** Ends the waits of `apply`. Children continue as they are, and steps that have not begun are skipped. */
  stopWaiting(): void {
    this.#waits.abort(REPLACED)
  }

  /**
   * Restarts all children, one after another. Throws at the first that does not come up; the rest keeps running. Leaves
   * out children that are asleep, and those that the next request tries again.
   */
  async restartAll(): Promise<void> {
    const names = [...this.#members.children.keys()]
    const isStopped = (name: string): boolean => this.#spinner.get(name)?.state === 'stopped'
    const rejected = names.filter((name) => isStopped(name) && this.needsRetry(name) && !this.isLazy(name))
    for (const name of names) {
      const isDown = isStopped(name) || (this.isLazy(name) && this.needsRetry(name))
      if (!isDown) await this.#spinner.restart(name)
    }
    for (const name of this.#members.pools.keys()) await this.#pools.restart(name)
    // Try the children that found no free slot last, because the others must not wait for them.
    for (const name of rejected) await this.#spinner.restart(name)
  }

  /** Stops everything, in parallel. */
  async close(): Promise<void> {
    this.#faultRetry.close()
    this.stopWaiting()
    await Promise.all([this.#gateway.close(), this.#spinner.close()])
  }

  /** Replaces the members, and restores the previous ones if `action` throws. */
  async #replaceMembers(members: ChildrenAndPools, action: Step): Promise<void> {
    const before = this.#members
    this.#members = members
    this.#printer.align(this.names)
    try {
      await action()
    } catch (thrown) {
      this.#members = before
      throw thrown
    }
  }

  async #define({ children, pools }: Names): Promise<void> {
    await this.#settle(pools.map((name) => this.#pools.define(name, this.#pool(name))))
    // Define children after pools, because they can have names that a pool is about to give up.
    await this.#settle(children.map((name) => this.#children.define(name, this.#child(name) as Member)))
  }

  #stopSteps({ children, pools }: Plan): Step[] {
    return [
      ...children.removed.map((name) => () => this.#children.stop(name)),
      ...pools.removed.map((name) => () => this.#pools.stop(name, this.#members.pools.get(name))),
      ...pools.changed.map((name) => () => this.#pools.shrink(name, this.#pool(name))),
    ]
  }

  #startSteps({ children, pools }: Plan): Step[] {
    return [
      ...children.added.map((name) => () => this.#children.start(name, this.#child(name) as Member)),
      ...pools.added.map((name) => () => this.#pools.start(name, this.#pool(name))),
    ]
  }

  #changeSteps({ children, pools }: Plan): Step[] {
    return [
      ...children.changed.map((name) => () => this.#children.change(name, this.#child(name) as Member)),
      ...pools.changed.flatMap((name) => [
        () => this.#pools.change(name, this.#pool(name)),
        () => this.#pools.grow(name, this.#pool(name)),
      ]),
    ]
  }

  /** Runs steps in parallel, and waits for them until the signal aborts. */
  async #run(steps: readonly Step[], signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await this.#settle(steps.map((step) => untilAborted(step(), signal)))
  }

  /** Waits for all, and prints the errors that are not about a child, because events report those. */
  async #settle(all: readonly PromiseLike<unknown>[]): Promise<void> {
    for (const result of await Promise.allSettled(all)) {
      if (result.status === 'rejected' && result.reason !== REPLACED && childOf(result.reason) === null)
        this.#printer.event(null, { event: 'error', text: messageOf(result.reason) })
    }
  }

  #child(name: string): Member | undefined {
    return this.#members.children.get(name)
  }

  #pool(name: string): PoolConfig {
    return this.#members.pools.get(name) as PoolConfig
  }
}

/** Returns the name of the child that an error is about, or null. Events of the child report such an error. */
export function childOf(thrown: unknown): string | null {
  const { child } = Object(thrown) as { child?: unknown }
  return typeof child === 'string' ? child : null
}
