import { guard, safeLog } from './emitter.ts'
import { SpinnerError } from './errors.ts'
import { INVALID, pluginLike, show } from './options/parsers.ts'
import { deferred } from './promises.ts'
import type { Clock } from './sys.ts'
import type { Child } from './types/child.ts'
import type { Logger } from './types/options.ts'
import type { Plugin } from './types/plugin.ts'
import type { Spinner } from './types/spinner.ts'

/** Upper bound for the close of a plugin: longer than a gateway takes to finish its requests. */
const CLOSE_S = 60

type Hook = 'ready' | 'drain'

/** The plugins of a spinner. Calls them in the order in which they were added, and contains what they throw. */
export class PluginHost {
  readonly #plugins = new Set<Plugin>()
  readonly #logger: () => Logger | null

  constructor(logger: () => Logger | null) {
    this.#logger = logger
  }

  /** Adds a plugin and sets it up. Returns the function that removes it. */
  add(plugin: Plugin, spinner: Spinner): () => void {
    if (pluginLike(plugin) === INVALID) {
      const message = `A plugin must be { name, setup, ready, drain, gone, close }, but it is ${show(plugin)}.`
      throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message)
    }
    this.#plugins.add(plugin)
    guard(() => plugin.setup?.(spinner), this.#logger(), `the setup of plugin '${plugin.name}'`)
    return () => {
      if (this.#plugins.delete(plugin)) void this.#close(plugin)
    }
  }

  /** True if a plugin takes part when a child becomes ready or ends. */
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

  /** Runs code of the user for a child. What it throws becomes an `error` event of the child. */
  guard(call: () => unknown, child: Child): void {
    void (async () => call())().catch((thrown: unknown) => child.reportError(thrown))
  }

  /** Closes all plugins at once, and waits for each up to a bound. */
  async close(clock: Clock): Promise<void> {
    const plugins = [...this.#plugins]
    this.#plugins.clear()
    await Promise.all(plugins.map((plugin) => this.#closeInTime(plugin, clock)))
  }

  async #closeInTime(plugin: Plugin, clock: Clock): Promise<void> {
    const late = deferred<void>()
    const timer = clock.setTimeout(() => {
      const line = `plugin '${plugin.name}' has not closed in ${CLOSE_S} s; it is not waited for any longer`
      safeLog(this.#logger(), 'warn', line)
      late.resolve()
    }, CLOSE_S * 1_000)
    await Promise.race([this.#close(plugin), late.promise])
    clock.clearTimeout(timer)
  }

  /** Resolves when the plugin has closed. Never rejects. */
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
