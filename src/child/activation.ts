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

/**
 * What there is of a child: a supervision while something of it is at work, and while it sleeps no more than a record.
 * Ten thousand that sleep cost a host next to nothing.
 */
export class Activation {
  readonly #shared: SpinnerContext
  #settings: ChildSettings
  #supervision: Supervisor | null = null
  #record: ChildHistory = NO_HISTORY
  /** The last one, which holds for as long as it sleeps, and the settings that it shows. */
  #picture: { readonly info: ChildInfo; readonly of: ChildSettings } | null = null

  constructor(shared: SpinnerContext, settings: ChildSettings) {
    this.#shared = shared
    this.#settings = settings
  }

  /** In force from the next spawn on. */
  get settings(): ChildSettings {
    return this.#settings
  }

  set settings(settings: ChildSettings) {
    this.#settings = settings
    if (this.#supervision) this.#supervision.runtime.settings = settings
  }

  get state(): ChildState {
    return this.#supervision?.state ?? 'stopped'
  }

  /** Null while it sleeps. */
  get supervisor(): Supervisor | null {
    return this.#supervision
  }

  /** `supervised` makes what hears of it, where there was nothing. */
  activate(supervised: () => SupervisorHooks): Supervisor {
    this.#supervision ??= new Supervisor(this.#shared, this.#settings, this.#record, supervised())
    return this.#supervision
  }

  /** Once nothing of it lives any more. */
  passivate(): void {
    const supervision = this.#supervision
    if (supervision?.state !== 'stopped') return
    this.#record = supervision.history
    this.#supervision = null
    // It shows what was there before.
    this.#picture = null
    supervision.dispose()
  }

  /** A frozen picture of it at this moment. */
  snapshot(name: string, condition: UsageInfo): ChildInfo {
    const supervision = this.#supervision
    const of = supervision?.runtime.settingsInForce ?? this.#settings
    const last = this.#picture?.of === of ? this.#picture.info : null
    if (!supervision && last?.state === 'stopped' && last.leases === condition.leases) return last
    const { liveInfo: presence, history: record } = supervision ?? {
      liveInfo: NO_LIVE_INFO,
      history: this.#record,
    }
    const info = snapshot(name, last?.options ?? withoutSecrets(of), presence, record, condition)
    this.#picture = { info, of }
    return info
  }
}
