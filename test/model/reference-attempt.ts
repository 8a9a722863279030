import type { Exit } from '../../src/types/child.ts'
import { kindOfErrno } from './reference-failures.ts'
import type { Passage } from './reference-gate.ts'
import { ReferenceProcess } from './reference-process.ts'
import { ReferenceSteps } from './reference-steps.ts'

/** How a child is brought up: an address, a place at the gate, a process, and its word that it is ready. */
export abstract class ReferenceAttempt extends ReferenceSteps {
  protected abstract onArrived(): void

  /** `isLast`: whatever options come from now on are for the next one. */
  protected launch(isLast = false): void {
    const isCurrent = this.enter('launching')
    this.inForce = this.options
    this.holdings.watch(this.name, this.inForce.monitored, () => this.hear('changed'))
    if (this.inForce.startFirst && !this.incumbent) this.holdings.isThere = false
    if (this.holdings.isToAsk(this.inForce)) this.#allocate(isCurrent, isLast)
    else this.time.soon(() => (isCurrent() ? this.#pass(isLast) : undefined))
  }

  #allocate(isCurrent: () => boolean, isLast: boolean): void {
    this.deadline = this.time.after(this.inForce.timeout * 1_000, () => this.fail('NOT_READY', 'child'))
    this.surroundings.allocations.push((address) => {
      if (!isCurrent()) {
        if (address !== null) this.surroundings.released.push(address)
        return
      }
      this.time.callOff(this.deadline)
      this.holdings.address = address
      if (address === null) this.fail('NOT_READY', 'child')
      else this.#pass(isLast)
    })
  }

  #pass(isLast: boolean): void {
    const turn = this.turn
    const passage = this.surroundings.gate.enter(this.name, () => {
      const fits = isLast || this.incumbent !== null || this.inForce === this.options
      if (turn === this.turn && fits) return this.#spawn(passage)
      this.surroundings.gate.leave(passage)
      // Other options have come meanwhile.
      if (turn === this.turn) this.launch(true)
    })
    this.passage = passage
  }

  #spawn(passage: Passage): void {
    const { failures, gate, processes, spawnErrors, spawns } = this.surroundings
    const failure = failures.get(this.name)?.shift()
    spawns.push(failure ? `${this.name} fails` : this.name)
    if (!failure) {
      this.#ready(passage)
      return
    }
    const turn = this.turn
    const onError = (): void => {
      gate.leave(passage)
      if (turn === this.turn) this.fail('SPAWN', kindOfErrno(failure.errno))
    }
    if (failure.sync) onError()
    else spawnErrors.set(processes.push(null) - 1, onError)
  }

  #ready(passage: Passage): void {
    const { gate, processes, readies } = this.surroundings
    const onEnded = (exit: Exit): void => {
      const told = exit.signal ?? exit.code
      this.trace.push(`exit ${told}`)
      if (this.process === process) this.hear('gone', exit)
      else if (this.incumbent === process) this.hear('lost', exit)
    }
    const pid = this.surroundings.pidOfNext()
    const process = new ReferenceProcess(this.time, pid, this.inForce.stopScope, onEnded)
    this.process = process
    processes.push(process)
    const isCurrent = this.enter('readying', this.inForce.timeout * 1_000, () => {
      this.time.pauses.push(() => (isCurrent() ? this.fail('NOT_READY', 'child') : undefined))
    })
    const answer = (code: 'FOREIGN_LISTENER' | null): void => {
      if (!isCurrent()) return
      if (code !== null) {
        gate.leave(passage)
        const { listens, startFirst } = this.inForce
        if (!process.exited) this.fail(code, listens && !startFirst ? 'address' : 'child')
        return
      }
      // Who takes the place of another must listen, and what does not live any more does not begin to.
      if (this.inForce.startFirst && (!process.life.leader || process.life.isKilled)) return
      if (this.inForce.startFirst) this.holdings.settle(this.incumbent !== null)
      this.time.turns.push(() => {
        gate.leave(passage)
        if (isCurrent() && !process.exited) this.#arrive()
      })
    }
    readies.push({ child: this.name, answer })
  }

  #arrive(): void {
    this.enter('resting')
    this.onArrived()
  }
}
