import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { SpinnerError } from '../../src/errors.ts'
import type { Sys } from '../../src/sys.ts'
import { SteppedClock } from './clock.ts'
import { errnoError, simulatedFiles } from './simulated-files.ts'
import { SimulatedProcess } from './simulated-process.ts'

/** Something that has happened outside and that nobody has been told yet. */
export interface Happening {
  readonly what: 'allocated' | 'turn' | 'obeys' | 'spawnError' | 'exit' | 'close' | 'lull'
  /** Whose, where it is one process's, by the order of spawns; which, of the allocations. */
  readonly process: number
}

export interface SpawnFailure {
  readonly errno: string
  readonly sync: boolean
}

/** How a question to the world is answered, once somebody decides to. */
export interface Question<Value> {
  readonly child: string
  answer(value: Value): void
  refuse(reason: unknown): void
}

export const FIRST_PID = 5_001
export const FIRST_ADDRESS = 20_001

/** The whole outside of a spinner, in memory. Nothing in it moves by itself. */
export class World {
  readonly clock = new SteppedClock()
  readonly processes: SimulatedProcess[] = []
  /** The names of the children that were spawned, in order; what the spawn failed for is marked. */
  readonly spawns: string[] = []
  readonly allocations: Question<number>[] = []
  readonly readies: Question<void>[] = []
  readonly released: number[] = []
  readonly failures = new Map<string, SpawnFailure[]>()
  readonly refusesAddress = new Set<string>()
  readonly sick = new Set<string>()
  /** What no schedule may bring about. */
  readonly violations: string[] = []
  readonly files = new Map<string, number>()
  holds = 0
  closed = false
  readonly sys: Sys
  turns: (() => void)[] = []
  pauses: (() => void)[] = []
  #addresses = FIRST_ADDRESS

  constructor(random: number) {
    this.sys = {
      platform: 'darwin',
      pid: 4_242,
      env: {},
      clock: this.clock,
      fs: simulatedFiles(this.files),
      random: () => random,
      cpus: () => 2,
      tmpdir: () => '/nowhere',
      spawn: (_command, args, options) => this.#spawn(args, options),
      kill: (target, signal) => this.#kill(target, signal),
      connect: () => {
        throw errnoError('ENOSYS')
      },
      pause: () => new Promise((resolve) => this.pauses.push(resolve)),
      nextTurn: () => new Promise((resolve) => this.turns.push(resolve)),
      hold: () => {
        this.holds++
        return () => void this.holds--
      },
    }
  }

  allocate(child: string): Promise<number> {
    return ask(this.allocations, child)
  }

  release(address: number): void {
    if (this.released.includes(address)) this.violations.push(`${address} was released twice`)
    this.released.push(address)
  }

  ready(child: string): Promise<void> {
    return ask(this.readies, child)
  }

  /** What could be told now, in a fixed order. */
  pending(): Happening[] {
    const pending: Happening[] = []
    for (const place of this.allocations.keys()) pending.push({ what: 'allocated', process: place })
    if (this.turns.length > 0) pending.push({ what: 'turn', process: 0 })
    for (const [process, it] of this.processes.entries()) {
      if (it.failure) pending.push({ what: 'spawnError', process })
      if (it.pid === undefined) continue
      if (it.life.isWilling) pending.push({ what: 'obeys', process })
      if (!it.life.leader && !it.exitTold) pending.push({ what: 'exit', process })
      if (it.exitTold && !it.closeTold && (!it.life.grandchild || it.stdout.destroyed))
        pending.push({ what: 'close', process })
    }
    if (this.pauses.length > 0) pending.push({ what: 'lull', process: 0 })
    return pending
  }

  /** An allocation is answered, with an address or with a refusal. */
  answerAllocation(place: number): void {
    const [question] = this.allocations.splice(place, 1)
    if (!question) return
    if (this.refusesAddress.has(question.child)) question.refuse(new Error('no address'))
    else question.answer(this.#addresses++)
  }

  tellSpawnError(process: number): void {
    const it = this.processes[process]
    const { failure } = it ?? {}
    if (!it || !failure) return
    it.failure = null
    it.emit('error', failure)
    it.emit('close', null, null)
  }

  tellExit(process: number): void {
    const it = this.processes[process]
    if (!it?.life.end) return
    it.exitTold = true
    it.emit('exit', it.life.end.code, it.life.end.signal)
  }

  tellClose(process: number): void {
    const it = this.processes[process]
    if (!it?.life.end) return
    it.closeTold = true
    for (const stream of [it.stdout, it.stderr]) {
      stream.destroyed = true
      stream.emit('close')
    }
    it.emit('close', it.life.end.code, it.life.end.signal)
  }

  #spawn(args: readonly string[], _options: SpawnOptions): ChildProcess {
    const child = args[0] as string
    if (this.closed) this.violations.push(`'${child}' was spawned after close()`)
    if (this.processes.some((process) => process.child === child && process.life.group))
      this.violations.push(`'${child}' was spawned while something of it lived`)
    const failure = this.failures.get(child)?.shift()
    this.spawns.push(failure ? `${child} fails` : child)
    if (failure?.sync) throw errnoError(failure.errno)
    const process = new SimulatedProcess(child, failure ? undefined : FIRST_PID + this.processes.length)
    this.processes.push(process)
    if (failure) {
      process.failure = errnoError(failure.errno)
      process.life.leader = false
    }
    return process as unknown as ChildProcess
  }

  #kill(target: number, signal: NodeJS.Signals | 0): void {
    const process = this.processes.find(({ pid }) => pid === Math.abs(target))
    if (!process) throw errnoError('ESRCH')
    const { exitTold, life } = process
    if (!exitTold && !life.leader && (target > 0 || !life.grandchild)) {
      // A zombie: it can be signalled, but macOS refuses to signal a group of nothing else.
      if (target < 0) throw errnoError('EPERM')
      return
    }
    const scope = target < 0 ? 'group' : 'leader'
    if (signal === 0 ? !life[scope] : !life.take(signal, scope)) throw errnoError('ESRCH')
  }
}

function ask<Value>(questions: Question<Value>[], child: string): Promise<Value> {
  return new Promise((answer, refuse) => questions.push({ child, answer, refuse }))
}

/** What the `ready` function of a child says when somebody else listens on its address. */
export const foreign = (): SpinnerError =>
  new SpinnerError('ERR_SPINNER_FOREIGN_LISTENER', 'somebody else listens there')
