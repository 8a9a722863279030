import type { Exit } from '../../src/types/child.ts'
export type Scope = 'leader' | 'group'

/**
 * The state of a simulated process group. The simulated world has one for each process. The reference model has its own
 * copy, which gets only the signals that the model predicts.
 */
export class GroupState {
  leader = true
  /** True if a process that the leader has started is alive. It stays when the leader exits. */
  grandchild = false
  ignoresTerm = false
  unkillable = false
  end: Exit | null = null
  /** The signals that reached the group, in order. */
  readonly signals: string[] = []
  #leaderAsked = false
  #groupAsked = false
  #killed = false

  /** True if it got SIGKILL. Then it does nothing any more, even if it does not exit. */
  get isKilled(): boolean {
    return this.#killed
  }

  get group(): boolean {
    return this.leader || this.grandchild
  }

  /** Delivers a signal. Returns whether there was a process to signal. */
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

  /** True if it was asked to exit and will. */
  get isWilling(): boolean {
    if (this.ignoresTerm) return false
    return (this.#leaderAsked && this.leader) || (this.#groupAsked && this.grandchild)
  }

  /** Exits as it was asked to. */
  obey(): void {
    if (this.#groupAsked) this.grandchild = false
    if (this.#leaderAsked) this.die({ code: null, signal: 'SIGTERM' })
  }

  /** Ends the leader for any reason. */
  die(end: Exit): void {
    if (!this.leader) return
    this.leader = false
    this.end = end
    if (this.#killed) this.grandchild = false
  }

  /** Makes an unkillable process killable again, as the system does after a blocked call. */
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
