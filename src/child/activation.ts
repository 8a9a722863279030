import type { SpinnerContext } from '../context.ts'
import type { ChildInfo, ChildState } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import {
  type ChildHistory,
  NO_HISTORY,
  NO_LIVE_INFO,
  snapshot,
  type UsageInfo,
  withoutSecrets,
} from './info.ts'
import { Supervisor, type SupervisorHooks } from './supervisor.ts'

/** Holds the supervisor while the child is busy, and only its history while it sleeps: 10,000 sleeping children are cheap. */
export class Activation {
  readonly #context: SpinnerContext
  #settings: ChildSettings
  #supervisor: Supervisor | null = null
  #history: ChildHistory = NO_HISTORY
  /** The last snapshot, and the settings that it shows. It is valid for as long as the child sleeps. */
  #last: { readonly info: ChildInfo; readonly of: ChildSettings } | null = null

  constructor(context: SpinnerContext, settings: ChildSettings) {
    this.#context = context
    this.#settings = settings
  }

  /** The options for the next spawn. */
  get settings(): ChildSettings {
    return this.#settings
  }

  set settings(settings: ChildSettings) {
    this.#settings = settings
    if (this.#supervisor) this.#supervisor.runtime.settings = settings
  }

  get state(): ChildState {
    return this.#supervisor?.state ?? 'stopped'
  }

  /** Null while the child sleeps. */
  get supervisor(): Supervisor | null {
    return this.#supervisor
  }

  /** Returns the supervisor, and makes it first if the child sleeps. */
  activate(hooks: () => SupervisorHooks): Supervisor {
    this.#supervisor ??= new Supervisor(this.#context, this.#settings, this.#history, hooks())
    return this.#supervisor
  }

  /** Drops the supervisor of a stopped child, and keeps its history. */
  passivate(): void {
    const supervisor = this.#supervisor
    if (supervisor?.state !== 'stopped') return
    this.#history = supervisor.history
    this.#supervisor = null
    // It shows what was true before.
    this.#last = null
    supervisor.dispose()
  }

  /** Returns a frozen snapshot of the child. */
  snapshot(name: string, usage: UsageInfo): ChildInfo {
    const supervisor = this.#supervisor
    const of = supervisor?.runtime.settingsInForce ?? this.#settings
    const last = this.#last?.of === of ? this.#last.info : null
    if (!supervisor && last?.state === 'stopped' && last.leases === usage.leases) return last
    const { liveInfo, history } = supervisor ?? { liveInfo: NO_LIVE_INFO, history: this.#history }
    const info = snapshot(name, last?.options ?? withoutSecrets(of), liveInfo, history, usage)
    this.#last = { info, of }
    return info
  }
}
