/** Only a child's own failures count towards `attempts`. */
export type Kind = 'child' | 'address' | 'resource'

const EXHAUSTED = ['EMFILE', 'EAGAIN', 'ENOMEM']

export const kindOfErrno = (errno: string): Kind => (EXHAUSTED.includes(errno) ? 'resource' : 'child')

/** Counts the failed attempts of one start. */
export class ReferenceFailures {
  readonly #failed: Record<Kind, number> = { child: 0, address: 0, resource: 0 }
  #last: Kind | null = null

  add(kind: Kind): void {
    this.#failed[kind]++
    this.#last = kind
  }

  isOver(attempts: number): boolean {
    const most = { child: attempts, address: attempts + 3, resource: 10 }
    return this.#last !== null && this.#failed[this.#last] >= most[this.#last]
  }

  /** Returns the milliseconds until the next attempt. */
  pause(streak: number, random: number): number {
    const backoff = (step: number): number =>
      step <= 0 ? 0 : Math.max(100, random * Math.min(30_000, 200 * 2 ** (step - 1)))
    if (this.#last === 'address') return 0
    if (this.#last === 'resource') return 1_000 + backoff(this.#failed.resource)
    return backoff(this.#failed.child + Math.max(0, streak - 1))
  }
}
