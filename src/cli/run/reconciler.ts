import { messageOf } from '../../errors.ts'
import type { Place } from '../../gateway/index.ts'
import { untilAborted } from '../../promises.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { Config, Member, Plain, PoolConfig } from '../config/model.ts'
import type { LogFiles } from '../output/log-files.ts'
import type { Printer } from '../output/printer.ts'
import { Children } from './children.ts'
import { GatewayRunner } from './gateway.ts'
import { nginxPlugin } from './library-options.ts'
import { allNames, type Names, nginxByText, type Parts, type Plan, partsOf, planOf } from './plan.ts'
import { Pools } from './pools.ts'
import { RetryTimers } from './retry.ts'

type Step = () => Promise<void>

/** What ends a wait that nobody needs any more; nobody is told of it. */
const GIVEN_UP = new Error('This is waited for no longer.')

/** What a configuration has running: children, pools, nginx and a gateway, and how one configuration becomes another. */
export class Reconciler {
  readonly #spinner: Spinner
  readonly #printer: Printer
  readonly #singles: Children
  readonly #pools: Pools
  readonly #nginx = new Map<string, () => void>()
  readonly #revivals: RetryTimers
  readonly #front: GatewayRunner
  #wanted: Parts = { members: new Map(), pools: new Map() }
  #waits = new AbortController()

  constructor(spinner: Spinner, outlets: LogFiles, printer: Printer) {
    this.#spinner = spinner
    this.#printer = printer
    this.#singles = new Children(spinner, outlets)
    this.#pools = new Pools(spinner, outlets)
    this.#front = new GatewayRunner(spinner, printer)
    this.#revivals = new RetryTimers(spinner, ({ name }) => this.#member(name)?.isLazy === false)
  }

  /** The names of all children that there should be. */
  get names(): string[] {
    return allNames(this.#wanted)
  }

  /** Where requests come from, and bring up what has ended; null when nowhere. */
  get place(): Place | null {
    return this.#front.place
  }

  /** Whether a child is there for those who ask for it, and for nobody else. */
  isLazy(name: string): boolean {
    return this.#member(name)?.isLazy === true
  }

  /** Whether a child is down although nobody has stopped it, and will be tried again. */
  isMissed(name: string): boolean {
    const child = this.#spinner.child(name)
    return child?.needsRetry === true
  }

  /**
   * Changes what differs from what was begun before, and nothing else. Resolves when all that is up or given up, or is
   * waited for no longer. Throws, and changes nothing, when the gateway cannot listen.
   */
  async apply(config: Config): Promise<void> {
    this.#waits = new AbortController()
    const { signal } = this.#waits
    const begun = { members: this.#singles.begun, pools: this.#pools.begun }
    const addressOf = (name: string) => this.#spinner.child(name)?.address ?? null
    const plan = planOf({ begun, wanted: this.#wanted }, partsOf(config), addressOf)
    await this.#become(plan.after, async () => {
      await this.#define(plan.free)
      // Nothing may lead to what is about to be stopped, or it would be started again.
      await this.#front.apply(config)
    })
    // What has one of their names until now is left as it is when the gateway cannot listen.
    await this.#define({ children: plan.children.added, pools: plan.pools.added })
    await this.#exchange(config.nginx)
    await this.#settle(this.#ends(plan).map((end) => end()))
    await this.#waitFor(this.#starts(plan), signal)
    for (const change of this.#changes(plan)) await this.#waitFor([change], signal)
  }

  /** Children go on as they are, and what has not begun is left to the next configuration. */
  giveUpWaits(): void {
    this.#waits.abort(GIVEN_UP)
  }

  /**
   * Restarts everything, one after another. The first that does not come up ends it, and the rest runs on. What sleeps, or
   * waits for a request to try it again, is left alone.
   */
  async roll(): Promise<void> {
    const names = [...this.#wanted.members.keys()]
    const isStopped = (name: string): boolean => this.#spinner.get(name)?.state === 'stopped'
    const mayWait = names.filter((name) => isStopped(name) && this.isMissed(name) && !this.isLazy(name))
    for (const name of names) {
      const isDown = isStopped(name) || (this.isLazy(name) && this.isMissed(name))
      if (!isDown) await this.#spinner.restart(name)
    }
    for (const name of this.#wanted.pools.keys()) await this.#pools.restart(name)
    // Where there is no room still, nobody else is to wait for it.
    for (const name of mayWait) await this.#spinner.restart(name)
  }

  /** Stops all, in parallel. */
  async close(): Promise<void> {
    this.#revivals.close()
    this.giveUpWaits()
    await Promise.all([this.#front.close(), this.#spinner.close()])
  }

  /** Takes what there should be for what there is; where `first` fails, what there was is that again. */
  async #become(parts: Parts, first: Step): Promise<void> {
    const before = this.#wanted
    this.#wanted = parts
    this.#printer.align(this.names)
    try {
      await first()
    } catch (thrown) {
      this.#wanted = before
      throw thrown
    }
  }

  /** Makes them known, with the options that they will have from their next start on. */
  async #define({ children, pools }: Names): Promise<void> {
    await this.#settle(pools.map((name) => this.#pools.define(name, this.#pool(name))))
    // They may have names of pools that are about to become smaller.
    await this.#settle(children.map((name) => this.#singles.define(name, this.#member(name) as Member)))
  }

  #ends({ children, pools }: Plan): Step[] {
    return [
      ...children.removed.map((name) => () => this.#singles.stop(name)),
      ...pools.removed.map((name) => () => this.#pools.stop(name, this.#wanted.pools.get(name))),
      ...pools.changed.map((name) => () => this.#pools.shrink(name, this.#pool(name))),
    ]
  }

  #starts({ children, pools }: Plan): Step[] {
    return [
      ...children.added.map((name) => () => this.#singles.start(name, this.#member(name) as Member)),
      ...pools.added.map((name) => () => this.#pools.start(name, this.#pool(name))),
    ]
  }

  #changes({ children, pools }: Plan): Step[] {
    return [
      ...children.changed.map((name) => () => this.#singles.change(name, this.#member(name) as Member)),
      ...pools.changed.flatMap((name) => [
        () => this.#pools.change(name, this.#pool(name)),
        () => this.#pools.grow(name, this.#pool(name)),
      ]),
    ]
  }

  /** Begins them and waits for all, unless that is given up. */
  async #waitFor(steps: readonly Step[], signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await this.#settle(steps.map((step) => untilAborted(step(), signal)))
  }

  /** What goes wrong with a child, its events tell; what is left is told here. */
  async #settle(all: readonly PromiseLike<unknown>[]): Promise<void> {
    for (const result of await Promise.allSettled(all)) {
      if (result.status === 'rejected' && result.reason !== GIVEN_UP && !isOfChild(result.reason))
        this.#printer.tell(null, { event: 'error', text: messageOf(result.reason) })
    }
  }

  #member(name: string): Member | undefined {
    return this.#wanted.members.get(name)
  }

  #pool(name: string): PoolConfig {
    return this.#wanted.pools.get(name) as PoolConfig
  }

  async #exchange(nginx: readonly Plain[]): Promise<void> {
    const wanted = nginxByText(nginx)
    for (const [text, remove] of this.#nginx) {
      if (wanted.has(text)) continue
      this.#nginx.delete(text)
      remove()
    }
    for (const [text, options] of wanted) {
      if (!this.#nginx.has(text)) this.#nginx.set(text, this.#spinner.use(await nginxPlugin(options)))
    }
  }
}

/** Errors that carry the name of a child were told as its events. */
const isOfChild = (thrown: unknown): boolean =>
  typeof (thrown as { child?: unknown } | null)?.child === 'string'
