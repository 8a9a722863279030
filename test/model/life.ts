import type { Exit } from '../../src/types/child.ts'
export type Scope = 'leader' | 'group'

/**
 * What a simulated process group is, whoever knows of it. The simulated world has one for each process, and the
 * reference model keeps its own, which only what the model predicts can reach.
 */
export class Life {
  leader = true
  /** Something that the leader has started, and that stays when the leader ends. */
  grandchild = false
  ignoresTerm = false
  unkillable = false
  end: Exit | null = null
  /** The signals that reached it, in order. */
  readonly signals: string[] = []
  #leaderAsked = false
  #groupAsked = false
  #killed = false

  /** It does nothing any more, even where it does not end. */
  get isKilled(): boolean {
    return this.#killed
  }

  get group(): boolean {
    return this.leader || this.grandchild
  }

  /** Answers whether there was anybody to signal. */
  take(signal: NodeJS.Signals, scope: Scope): boolean {
    if (!(scope === 'group' ? this.group : this.leader)) return false
    this.signals.push(`${scope} ${signal}`)
    if (signal === 'SIGTERM') this.#ask(scope)
    if (signal === 'SIGKILL') {
      this.#killed = true
      this.#fall()
    }
    return true
  }

  /** Whether it has been asked to end and means to. */
  get isWilling(): boolean {
    if (this.ignoresTerm) return false
    return (this.#leaderAsked && this.leader) || (this.#groupAsked && this.grandchild)
  }

  /** It does what it was asked to. */
  obey(): void {
    if (this.#groupAsked) this.grandchild = false
    if (this.#leaderAsked) this.die({ code: null, signal: 'SIGTERM' })
  }

  /** Its leader ends, for whatever reason. */
  die(end: Exit): void {
    if (!this.leader) return
    this.leader = false
    this.end = end
    if (this.#killed) this.grandchild = false
  }

  /** The system lets go of what could not be killed. */
  release(): void {
    this.unkillable = false
    this.ignoresTerm = false
    if (this.#killed) this.#fall()
  }

  #ask(scope: Scope): void {
    this.#leaderAsked = true
    if (scope === 'group') this.#groupAsked = true
  }

  #fall(): void {
    if (this.unkillable) return
    this.grandchild = false
    this.die({ code: null, signal: 'SIGKILL' })
  }
}
