import { guard, safeLog } from './emitter.ts'
import { deferred } from './promises.ts'
import type { Clock } from './sys.ts'
import type { Child } from './types/child.ts'
import type { Logger } from './types/options.ts'
import type { Plugin } from './types/plugin.ts'

/** Longer than a gateway takes to let its requests finish. */
const CLOSE_S = 60

type Hook = 'ready' | 'drain'

/** The plugins of a spinner, called in the order in which they were added; what they throw hurts nobody. */
export class PluginHost {
  readonly #plugins = new Set<Plugin>()
  readonly #logger: () => Logger | null

  constructor(logger: () => Logger | null) {
    this.#logger = logger
  }

  add(plugin: Plugin, setup: () => unknown): () => void {
    this.#plugins.add(plugin)
    guard(setup, this.#logger(), `the setup of plugin '${plugin.name}'`)
    return () => {
      if (this.#plugins.delete(plugin)) void this.#close(plugin)
    }
  }

  /** Whether any of them wants to know when a child becomes ready or will end. */
  hasLifecycleHooks(): boolean {
    for (const plugin of this.#plugins) if (plugin.ready || plugin.drain) return true
    return false
  }

  ready(child: Child, signal: AbortSignal): Promise<void> {
    return this.#each('ready', child, signal, (plugin) => plugin.ready?.(child))
  }

  drain(child: Child, reason: string, signal: AbortSignal): Promise<void> {
    return this.#each('drain', child, signal, (plugin) => plugin.drain?.(child, reason, signal))
  }

  gone(child: Child): void {
    for (const plugin of [...this.#plugins]) {
      if (plugin.gone) queueMicrotask(() => this.guard(() => plugin.gone?.(child), child))
    }
  }

  /** Runs something of the user's for a child; what it throws becomes the child's `error` event. */
  guard(call: () => unknown, child: Child): void {
    void (async () => call())().catch((thrown: unknown) => child.reportError(thrown))
  }

  /** Closes all of them at once, and waits for them, though not for ever. */
  async close(clock: Clock): Promise<void> {
    const plugins = [...this.#plugins]
    this.#plugins.clear()
    await Promise.all(plugins.map((plugin) => this.#closed(plugin, clock)))
  }

  async #closed(plugin: Plugin, clock: Clock): Promise<void> {
    const late = deferred<void>()
    const timer = clock.setTimeout(() => {
      const line = `plugin '${plugin.name}' has not closed in ${CLOSE_S} s; it is not waited for any longer`
      safeLog(this.#logger(), 'warn', line)
      late.resolve()
    }, CLOSE_S * 1_000)
    await Promise.race([this.#close(plugin), late.promise])
    clock.clearTimeout(timer)
  }

  /** Settles when it has closed, and never rejects. */
  async #close(plugin: Plugin): Promise<void> {
    const logger = this.#logger()
    const closing = (async () => plugin.close?.())()
    guard(() => closing, logger, `the close of plugin '${plugin.name}'`)
    await closing.catch(() => {})
  }

  async #each(
    hook: Hook,
    child: Child,
    signal: AbortSignal,
    call: (plugin: Plugin) => unknown,
  ): Promise<void> {
    for (const plugin of [...this.#plugins]) {
      if (signal.aborted) return
      if (!plugin[hook]) continue
      try {
        await call(plugin)
      } catch (thrown) {
        child.reportError(thrown)
      }
    }
  }
}
