import type { ModelOptions } from './options.ts'
import { ReferenceChild } from './reference-child.ts'
import { ReferenceGate } from './reference-gate.ts'
import type { ReferenceProcess } from './reference-process.ts'
import { ReferenceIntervals, ReferenceTime } from './reference-time.ts'
import { endWait, ok, type Wait } from './reference-waits.ts'
import { FIRST_ADDRESS, FIRST_PID, type OutsideEvent, type SpawnFailure } from './world.ts'

/**
 * Predicts a whole spinner. It gets the commands and the outside events. Of the product it sees only which of several
 * simultaneous starts was spawned first.
 */
export class Reference {
  readonly time = new ReferenceTime()
  readonly children = new Map<string, ReferenceChild>()
  readonly gate: ReferenceGate
  readonly intervals: ReferenceIntervals = new ReferenceIntervals(this.time)
  readonly random: number
  readonly sick = new Set<string>()
  readonly files = new Map<string, number>()
  readonly failures = new Map<string, SpawnFailure[]>()
  readonly refusesAddress = new Set<string>()
  readonly spawns: string[] = []
  readonly processes: (ReferenceProcess | null)[] = []
  readonly allocations: ((address: number | null) => void)[] = []
  readonly readies: { readonly child: string; readonly answer: (code: 'FOREIGN_LISTENER' | null) => void }[] =
    []
  readonly spawnErrors = new Map<number, () => void>()
  readonly released: unknown[] = []
  closing = false
  disposed = false
  #closed: string | null = null
  readonly #closers: Wait[] = []
  #addresses = FIRST_ADDRESS

  constructor(concurrency: number, random: number, spawned: readonly string[]) {
    const next = (): string | undefined => spawned[this.spawns.length]?.replace(/ fails$/, '')
    this.gate = new ReferenceGate(this.time, concurrency, next)
    this.random = random
  }

  pidOfNext(): number {
    return FIRST_PID + this.processes.length
  }

  /** Returns the child with this name. Creates it with these options if there is none. */
  child(name: string, options: ModelOptions): ReferenceChild {
    const known = this.children.get(name)
    if (known) return known
    const child = new ReferenceChild(name, options, this)
    this.children.set(name, child)
    return child
  }

  acquire(child: ReferenceChild, wait: Wait, isAborted: boolean): void {
    child.leases++
    child.askStart()
    if (isAborted) child.waits.end(wait, 'aborted')
    else child.waits.untilReady(wait)
  }

  letGo(child: ReferenceChild): void {
    child.leases--
    child.used = true
  }

  /** Ends a wait that needs no child. */
  end(wait: Wait, result: string): void {
    endWait(this.time, wait, result)
  }

  close(wait: Wait): void {
    if (this.#closed !== null) wait.result = this.#closed
    else this.#closers.push(wait)
    if (this.closing) return
    this.closing = true
    const stops = this.#stop([...this.children.values()], () => {
      // A child that survived its stop may have been stopped once more meanwhile.
      const again = [...this.children.values()].filter(({ state }) => state === 'stopping')
      this.#stop(again, () => this.#dispose(stops))
    })
  }

  /** Stops some children. Calls `done` soon after every stop has ended. */
  #stop(children: readonly ReferenceChild[], done: () => void): Wait[] {
    const stops: Wait[] = []
    let told = false
    const onResult = (): void => {
      if (told || stops.length < children.length || stops.some(({ result }) => result === null)) return
      told = true
      this.time.soon(done)
    }
    for (const child of children) {
      const stop: Wait = { result: null, byCallback: false, onResult }
      stops.push(stop)
      child.askStop(stop)
    }
    if (children.length === 0) onResult()
    return stops
  }

  #dispose(stops: readonly Wait[]): void {
    if (this.disposed) return
    this.disposed = true
    for (const child of this.children.values()) child.dispose()
    const results = stops.map(({ result }) => result as string)
    this.#closed = results.find((result) => !result.startsWith('ok')) ?? ok(undefined)
    for (const wait of this.#closers) wait.result = this.#closed
  }

  /** Runs everything that follows from the actions of this moment. */
  settle(): void {
    this.time.settle()
    this.gate.endMoment()
    this.time.settle()
  }

  /** Handles an outside event. Between two parts of it, promises settle. */
  happen({ what, process }: OutsideEvent, refused: boolean): void {
    if (what === 'turn') this.#oneByOne(this.time.turns.splice(0))
    else if (what === 'pause') this.#oneByOne(this.time.pauses.splice(0))
    else if (what === 'allocated') this.#allocate(process, refused)
    else if (what === 'spawnError') this.spawnErrors.get(process)?.()
    else if (what === 'obeys') this.processes[process]?.groupState.obey()
    else this.processes[process]?.[what]()
    this.settle()
  }

  #allocate(place: number, refused: boolean): void {
    const [answer] = this.allocations.splice(place, 1)
    answer?.(refused ? null : this.#addresses++)
  }

  #oneByOne(acts: readonly (() => void)[]): void {
    for (const act of acts) {
      act()
      this.time.settle()
    }
  }
}
