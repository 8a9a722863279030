import { messageOf } from '../errors.ts'
import type { Place } from '../gateway/index.ts'
import { isMissed } from '../presence.ts'
import type { Spinner } from '../spinner.ts'
import { type Config, type Member, membersOf, namesOf, type Plain, type PoolConfig } from './config/config.ts'
import { difference, nginxByText } from './difference.ts'
import { Front } from './front.ts'
import { nginxPlugin, startOptions } from './options.ts'
import type { Outlets } from './outlets.ts'
import { Pools } from './pools.ts'
import type { Printer } from './print.ts'
import { Revivals } from './revivals.ts'

/** What a configuration has running: children, pools, nginx and a gateway, and how one configuration becomes another. */
export class Site {
  readonly #spinner: Spinner
  readonly #outlets: Outlets
  readonly #printer: Printer
  readonly #pools: Pools
  readonly #nginx = new Map<string, () => void>()
  readonly #revivals: Revivals
  readonly #front: Front
  #members: ReadonlyMap<string, Member> = new Map()
  #poolConfigs: ReadonlyMap<string, PoolConfig> = new Map()

  constructor(spinner: Spinner, outlets: Outlets, printer: Printer) {
    this.#spinner = spinner
    this.#outlets = outlets
    this.#printer = printer
    this.#pools = new Pools(spinner, outlets)
    this.#front = new Front(spinner, printer)
    this.#revivals = new Revivals(spinner, ({ name }) => this.#members.has(name) && !this.isLazy(name))
  }

  /** The names of all children that there should be. */
  get names(): string[] {
    const ofPools = [...this.#poolConfigs].flatMap(([name, { size }]) => namesOf(name, size))
    return [...this.#members.keys(), ...ofPools]
  }

  /** Where requests come from, and bring up what has ended; null when nowhere. */
  get place(): Place | null {
    return this.#front.place
  }

  /** Whether a child is there for those who ask for it, and for nobody else. */
  isLazy(name: string): boolean {
    return this.#members.get(name)?.isLazy === true
  }

  /** Whether a child is down although nobody has stopped it, and will be tried again. */
  isMissed(name: string): boolean {
    const child = this.#spinner.child(name)
    return child !== undefined && isMissed(child, this.#spinner.shared)
  }

  /**
   * Changes what differs from the configuration before, and nothing else. Resolves when all that is up or given up.
   * Throws, and changes nothing, when the gateway cannot listen.
   */
  async apply(config: Config): Promise<void> {
    const members = membersOf(config)
    const ofChildren = difference(this.#members, members)
    const [before, after] = [this.#poolConfigs, config.pools]
    const ofPools = difference(before, after)
    const poolIn = (all: ReadonlyMap<string, PoolConfig>, name: string) => all.get(name) as PoolConfig
    const others = new Set(this.names)
    const isFree = (name: string): boolean => !others.has(name)
    const isFreeFor = (pool: string): boolean => namesOf(pool, poolIn(after, pool).size).every(isFree)
    await this.#become({ members, pools: after }, async () => {
      await this.#define(ofChildren.added.filter(isFree), ofPools.added.filter(isFreeFor))
      // Nothing may lead to what is about to be stopped, or it would be started again.
      await this.#front.apply(config)
    })
    // What has one of their names until now is left as it is when the gateway cannot listen.
    await this.#define(ofChildren.added, ofPools.added)
    await this.#exchange(config.nginx)
    await this.#settle([
      ...ofChildren.removed.map((name) => this.#spinner.stop(name)),
      ...ofPools.removed.map((name) => this.#pools.stop(name)),
      ...ofPools.changed.map((name) => this.#pools.shrink(name, poolIn(after, name).size)),
    ])
    await this.#settle([
      ...ofChildren.added.map((name) => this.#bringUp(name)),
      ...ofPools.added.map((name) => this.#pools.start(name)),
    ])
    for (const name of ofChildren.changed) await this.#settle([this.#changeChild(name)])
    for (const name of ofPools.changed)
      await this.#settle([this.#pools.change(name, poolIn(before, name), poolIn(after, name))])
  }

  /**
   * Restarts everything, one after another. The first that does not come up ends it, and the rest runs on. What sleeps, or
   * waits for a request to try it again, is left alone.
   */
  async roll(): Promise<void> {
    const names = [...this.#members.keys()]
    const isStopped = (name: string): boolean => this.#spinner.get(name)?.state === 'stopped'
    const mayWait = names.filter((name) => isStopped(name) && this.isMissed(name) && !this.isLazy(name))
    for (const name of names) {
      const isDown = isStopped(name) || (this.isLazy(name) && this.isMissed(name))
      if (!isDown) await this.#spinner.restart(name)
    }
    for (const name of this.#poolConfigs.keys()) await this.#pools.restart(name)
    // Where there is no room still, nobody else is to wait for it.
    for (const name of mayWait) await this.#spinner.restart(name)
  }

  /** Stops all, in parallel. */
  async close(): Promise<void> {
    this.#revivals.close()
    await Promise.all([this.#front.close(), this.#spinner.close()])
  }

  /** Takes what there should be for what there is; where `first` fails, what there was is that again. */
  async #become(
    { members, pools }: { members: ReadonlyMap<string, Member>; pools: ReadonlyMap<string, PoolConfig> },
    first: () => Promise<void>,
  ): Promise<void> {
    const before = [this.#members, this.#poolConfigs] as const
    ;[this.#members, this.#poolConfigs] = [members, pools]
    this.#printer.align(this.names)
    try {
      await first()
    } catch (thrown) {
      ;[this.#members, this.#poolConfigs] = before
      throw thrown
    }
  }

  /** What goes wrong with a child, its events tell; what is left is told here. */
  async #settle(all: readonly PromiseLike<unknown>[]): Promise<void> {
    for (const result of await Promise.allSettled(all)) {
      if (result.status === 'rejected' && !isOfChild(result.reason))
        this.#printer.tell(null, { event: 'error', text: messageOf(result.reason) })
    }
  }

  /** Makes them known, with the options that they will have from their next start on. */
  async #define(children: readonly string[], pools: readonly string[]): Promise<void> {
    await this.#settle([
      ...children.map((name) => this.#defineChild(name)),
      ...pools.map((name) => this.#pools.define(name, this.#poolConfigs.get(name) as PoolConfig)),
    ])
  }

  async #defineChild(name: string): Promise<void> {
    const { isLazy, options } = this.#members.get(name) as Member
    this.#spinner.define({ ...(await startOptions(options, this.#outlets, isLazy)), name })
  }

  async #bringUp(name: string): Promise<void> {
    if (!this.isLazy(name)) await this.#spinner.start({ name })
  }

  async #changeChild(name: string): Promise<void> {
    const isStopped = this.#spinner.get(name)?.state === 'stopped'
    await this.#defineChild(name)
    if (isStopped) await this.#bringUp(name)
    else await this.#spinner.restart(name)
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
