import type { Shared } from '../context.ts'
import type { ChildInfo, ChildState } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import { ABSENT, type Condition, pictureOf, shownOf } from './info.ts'
import { BLANK, type ChildRecord } from './record.ts'
import { type Supervised, Supervision } from './supervisor.ts'

/**
 * What there is of a child: a supervision while something of it is at work, and while it sleeps no more than a record.
 * Ten thousand that sleep cost a host next to nothing.
 */
export class Life {
  readonly #shared: Shared
  #settings: ChildSettings
  #supervision: Supervision | null = null
  #record: ChildRecord = BLANK
  /** The last one, which holds for as long as it sleeps, and the settings that it shows. */
  #picture: { readonly info: ChildInfo; readonly of: ChildSettings } | null = null

  constructor(shared: Shared, settings: ChildSettings) {
    this.#shared = shared
    this.#settings = settings
  }

  /** In force from the next spawn on. */
  get settings(): ChildSettings {
    return this.#settings
  }

  set settings(settings: ChildSettings) {
    this.#settings = settings
    if (this.#supervision) this.#supervision.resources.settings = settings
  }

  get state(): ChildState {
    return this.#supervision?.state ?? 'stopped'
  }

  /** Null while it sleeps. */
  get supervision(): Supervision | null {
    return this.#supervision
  }

  /** `supervised` makes what hears of it, where there was nothing. */
  wake(supervised: () => Supervised): Supervision {
    this.#supervision ??= new Supervision(this.#shared, this.#settings, this.#record, supervised())
    return this.#supervision
  }

  /** Once nothing of it lives any more. */
  sleep(): void {
    const supervision = this.#supervision
    if (supervision?.state !== 'stopped') return
    this.#record = supervision.record
    this.#supervision = null
    // It shows what was there before.
    this.#picture = null
    supervision.dispose()
  }

  /** A frozen picture of it at this moment. */
  picture(name: string, condition: Condition): ChildInfo {
    const supervision = this.#supervision
    const of = supervision?.resources.inForce ?? this.#settings
    const last = this.#picture?.of === of ? this.#picture.info : null
    if (!supervision && last?.state === 'stopped' && last.leases === condition.leases) return last
    const { presence, record } = supervision ?? { presence: ABSENT, record: this.#record }
    const info = pictureOf(name, last?.options ?? shownOf(of), presence, record, condition)
    this.#picture = { info, of }
    return info
  }
}
