import type { ChildProcess, SpawnOptions } from 'node:child_process'
import type { Socket } from 'node:net'
import { SpinnerError } from '../../src/errors.ts'
import type { Sys } from '../../src/sys.ts'
import { SteppedClock } from './clock.ts'
import { simulatedFiles } from './simulated-files.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { errnoError, SimulatedSockets } from './simulated-sockets.ts'

/** An outside event that has happened but that spinner has not received yet. */
export interface OutsideEvent {
  readonly what: 'allocated' | 'turn' | 'obeys' | 'spawnError' | 'exit' | 'close' | 'pause'
  /** Index of the process in the order of spawns; for `allocated`, index of the allocation. */
  readonly process: number
}

export interface SpawnFailure {
  readonly errno: string
  readonly sync: boolean
}

/** An open question to the world, which a command or an outside event answers. */
export interface Question<Value> {
  readonly child: string
  /** The pid of the process that the question is about; `null` if it is about none. */
  readonly pid: number | null
  answer(value: Value): void
  refuse(reason: unknown): void
}

export const FIRST_PID = 5_001
export const FIRST_ADDRESS = 20_001

/** A simulated system in memory. Nothing in it happens by itself. */
export class World {
  readonly clock = new SteppedClock()
  readonly processes: SimulatedProcess[] = []
  /** The names of the spawned children, in order. A failed spawn has ` fails` after the name. */
  readonly spawns: string[] = []
  readonly allocations: Question<number>[] = []
  readonly readies: Question<void>[] = []
  readonly released: number[] = []
  readonly failures = new Map<string, SpawnFailure[]>()
  readonly refusesAddress = new Set<string>()
  readonly sick = new Set<string>()
  /** Things that must never happen, in words. */
  readonly violations: string[] = []
  readonly files = new Map<string, number>()
  readonly sockets = new SimulatedSockets()
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
      fs: simulatedFiles(this.files, this.sockets),
      random: () => random,
      cpus: () => 2,
      tmpdir: () => '/nowhere',
      spawn: (_command, args, options) => this.#spawn(args, options),
      kill: (target, signal) => this.#kill(target, signal),
      connect: (target) => {
        if ('socketPath' in target) return this.sockets.connect(target.socketPath) as Socket
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
    return ask(this.allocations, child, null)
  }

  release(address: number): void {
    if (this.released.includes(address)) this.violations.push(`${address} was released twice`)
    this.released.push(address)
  }

  ready(child: string, pid: number | null): Promise<void> {
    return ask(this.readies, child, pid)
  }

  /** Makes a process bind its socket and answers that it is ready. */
  answerReady(place: number): void {
    const [question] = this.readies.splice(place, 1)
    const process = this.processes.find(({ pid }) => pid === question?.pid)
    const trouble = process && this.sockets.bind(process)
    if (trouble) this.violations.push(trouble)
    question?.answer()
  }

  /** Makes a process exit as it was asked to. */
  obey(process: number): void {
    const it = this.processes[process]
    const lived = it?.groupState.leader
    it?.groupState.obey()
    if (it && lived && !it.groupState.leader) this.sockets.close(it)
  }

  /** Returns the outside events that could be reported now, in a fixed order. */
  pending(): OutsideEvent[] {
    const pending: OutsideEvent[] = []
    for (const place of this.allocations.keys()) pending.push({ what: 'allocated', process: place })
    if (this.turns.length > 0) pending.push({ what: 'turn', process: 0 })
    for (const [process, it] of this.processes.entries()) {
      if (it.failure) pending.push({ what: 'spawnError', process })
      if (it.pid === undefined) continue
      if (it.groupState.isWilling) pending.push({ what: 'obeys', process })
      if (!it.groupState.leader && !it.exitTold) pending.push({ what: 'exit', process })
      if (it.exitTold && !it.closeTold && (!it.groupState.grandchild || it.stdout.destroyed))
        pending.push({ what: 'close', process })
    }
    if (this.pauses.length > 0) pending.push({ what: 'pause', process: 0 })
    return pending
  }

  /** Answers an allocation with an address, or rejects it. */
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
    if (!it?.groupState.end) return
    it.exitTold = true
    it.emit('exit', it.groupState.end.code, it.groupState.end.signal)
  }

  tellClose(process: number): void {
    const it = this.processes[process]
    if (!it?.groupState.end) return
    it.closeTold = true
    for (const stream of [it.stdout, it.stderr]) {
      stream.destroyed = true
      stream.emit('close')
    }
    it.emit('close', it.groupState.end.code, it.groupState.end.signal)
  }

  #spawn(args: readonly string[], { env }: SpawnOptions): ChildProcess {
    const child = args[0] as string
    if (this.closed) this.violations.push(`'${child}' was spawned after close()`)
    const port = env?.['PORT']?.endsWith('.sock') ? env['PORT'] : null
    this.#mayBeSpawned(child, port)
    const failure = this.failures.get(child)?.shift()
    this.spawns.push(failure ? `${child} fails` : child)
    if (failure?.sync) throw errnoError(failure.errno)
    const process = new SimulatedProcess(child, failure ? undefined : FIRST_PID + this.processes.length, port)
    this.processes.push(process)
    if (failure) {
      process.failure = errnoError(failure.errno)
      process.groupState.leader = false
    }
    return process as unknown as ChildProcess
  }

  /** Checks that only one more process is spawned next to the one that serves. Processes that survived SIGKILL do not count. */
  #mayBeSpawned(child: string, port: string | null): void {
    const alive = this.processes.filter((process) => process.child === child && process.groupState.group)
    const serving = port === null ? null : this.sockets.servantOf(port.replace(/\.\d\.sock$/, '.sock'))
    const others = alive.filter((process) => process !== serving && !(serving && process.groupState.isKilled))
    if (others.length > 0) this.violations.push(`'${child}' was spawned while a process of it was alive`)
  }

  #kill(target: number, signal: NodeJS.Signals | 0): void {
    const process = this.processes.find(({ pid }) => pid === Math.abs(target))
    if (!process) throw errnoError('ESRCH')
    const { exitTold, groupState } = process
    if (!exitTold && !groupState.leader && (target > 0 || !groupState.grandchild)) {
      // A zombie can be signalled, but macOS refuses to signal a group that consists only of zombies.
      if (target < 0) throw errnoError('EPERM')
      return
    }
    const scope = target < 0 ? 'group' : 'leader'
    if (signal === 0 ? !groupState[scope] : !groupState.take(signal, scope)) throw errnoError('ESRCH')
  }
}

function ask<Value>(questions: Question<Value>[], child: string, pid: number | null): Promise<Value> {
  return new Promise((answer, refuse) => questions.push({ child, pid, answer, refuse }))
}

/** Returns the error of the `ready` function of a child if another process listens on its address. */
export const foreign = (): SpinnerError =>
  new SpinnerError('ERR_SPINNER_FOREIGN_LISTENER', 'another process listens there')
