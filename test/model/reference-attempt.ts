import type { Exit } from '../../src/types/child.ts'
import { kindOfErrno } from './reference-failures.ts'
import type { GateEntry } from './reference-gate.ts'
import { ReferenceProcess } from './reference-process.ts'
import { ReferenceSteps } from './reference-steps.ts'

/** Predicts an attempt to start: an address, a place at the start gate, a process, and its readiness. */
export abstract class ReferenceAttempt extends ReferenceSteps {
  protected abstract onArrived(): void

  /** Starts an attempt. With `isLast`, options that are given from now on apply to the next attempt. */
  protected launch(isLast = false): void {
    const isCurrent = this.enter('launching')
    this.inForce = this.options
    this.holdings.watch(this.name, this.inForce.monitored, () => this.handle('changed'))
    if (this.inForce.startFirst && !this.oldProcess) this.holdings.socketExists = false
    if (this.holdings.isToAsk(this.inForce)) this.#allocate(isCurrent, isLast)
    else this.time.soon(() => (isCurrent() ? this.#pass(isLast) : undefined))
  }

  #allocate(isCurrent: () => boolean, isLast: boolean): void {
    this.deadline = this.time.after(this.inForce.timeout * 1_000, () => this.fail('NOT_READY', 'child'))
    this.shared.allocations.push((address) => {
      if (!isCurrent()) {
        if (address !== null) this.shared.released.push(address)
        return
      }
      this.time.cancel(this.deadline)
      this.holdings.address = address
      if (address === null) this.fail('NOT_READY', 'child')
      else this.#pass(isLast)
    })
  }

  #pass(isLast: boolean): void {
    const turn = this.turn
    const entry = this.shared.gate.enter(this.name, () => {
      const fits = isLast || this.oldProcess !== null || this.inForce === this.options
      if (turn === this.turn && fits) return this.#spawn(entry)
      this.shared.gate.leave(entry)
      // Other options were given meanwhile.
      if (turn === this.turn) this.launch(true)
    })
    this.entry = entry
  }

  #spawn(entry: GateEntry): void {
    const { failures, gate, processes, spawnErrors, spawns } = this.shared
    const failure = failures.get(this.name)?.shift()
    spawns.push(failure ? `${this.name} fails` : this.name)
    if (!failure) {
      this.#ready(entry)
      return
    }
    const turn = this.turn
    const onError = (): void => {
      gate.leave(entry)
      if (turn === this.turn) this.fail('SPAWN', kindOfErrno(failure.errno))
    }
    if (failure.sync) onError()
    else spawnErrors.set(processes.push(null) - 1, onError)
  }

  #ready(entry: GateEntry): void {
    const { gate, processes, readies } = this.shared
    const onEnded = (exit: Exit): void => {
      const end = exit.signal ?? exit.code
      this.trace.push(`exit ${end}`)
      if (this.process === process) this.handle('gone', exit)
      else if (this.oldProcess === process) this.handle('lost', exit)
    }
    const pid = this.shared.pidOfNext()
    const process = new ReferenceProcess(this.time, pid, this.inForce.stopScope, onEnded)
    this.process = process
    processes.push(process)
    const isCurrent = this.enter('readying', this.inForce.timeout * 1_000, () => {
      this.time.pauses.push(() => (isCurrent() ? this.fail('NOT_READY', 'child') : undefined))
    })
    const answer = (code: 'FOREIGN_LISTENER' | null): void => {
      if (!isCurrent()) return
      if (code !== null) {
        gate.leave(entry)
        const { listens, startFirst } = this.inForce
        if (!process.exited) this.fail(code, listens && !startFirst ? 'address' : 'child')
        return
      }
      // With `start-first` the process must listen, and a process that is dead cannot start to.
      if (this.inForce.startFirst && (!process.groupState.leader || process.groupState.isKilled)) return
      if (this.inForce.startFirst) this.holdings.promote(this.oldProcess !== null)
      this.time.turns.push(() => {
        gate.leave(entry)
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
