import type { ChildState, Exit } from '../../src/types/child.ts'
import { ReferenceReplacement } from './reference-replacement.ts'
import { failed, type Wait } from './reference-waits.ts'
import { watchHealth, watchIdle } from './reference-watch.ts'

/** What can happen to a child. What a state has no entry for changes nothing there. */
type Input = 'start' | 'stop' | 'restart' | 'gone' | 'lost' | 'changed' | 'unhealthy' | 'idle'
type Row = Partial<Record<Input, (child: ReferenceChild, exit?: Exit) => void>>

const queue = (it: ReferenceChild, queued: boolean): void => {
  it.queued = queued
}

/** The specification as this model reads it (docs/states.md). */
const TABLE: Readonly<Record<ChildState, Row>> = {
  stopped: {
    start: (it) => it.begin('starting'),
    restart: (it) => it.begin('starting'),
  },
  starting: {
    stop: (it) => it.leave('stopping'),
    restart: (it) => it.leaveAndReturn(),
    changed: (it) => it.leaveAndReturn(),
    gone: (it) => it.failReadiness('EXITED'),
  },
  started: {
    stop: (it) => it.leave('stopping'),
    restart: (it) => it.renew(),
    gone: (it, exit) => it.crash(exit as Exit),
    changed: (it) => it.renew(),
    unhealthy: (it) => it.suffer(),
    idle: (it) => it.leave('stopping'),
  },
  stopping: {
    start: (it) => queue(it, true),
    restart: (it) => queue(it, true),
    stop: (it) => queue(it, false),
  },
  restart: {
    stop: (it) => it.leave('stopping'),
    gone: (it, exit) => (it.step === 'retiring' ? it.crash(exit as Exit) : it.failReadiness('EXITED')),
    lost: (it) => it.lose(),
    changed: (it) => it.changeWhileRestarting(),
  },
  faulted: {
    start: (it) => it.retry(),
    stop: (it) => it.clearAway(),
    restart: (it) => it.retryAtOnce(),
    changed: (it) => it.retryAfterChange(),
  },
}

/** What one child is predicted to do: the states, who waits, and why it moves. */
export class ReferenceChild extends ReferenceReplacement {
  leases = 0
  used = false
  queued = false
  #watches: (() => void)[] = []

  hear(input: Input, exit?: Exit): void {
    TABLE[this.state][input]?.(this, exit)
  }

  /** What `start()` does, apart from the wait. */
  askStart(): void {
    this.used = true
    if (this.state === 'started') return
    this.waits.open()
    this.hear('start')
    if (this.state === 'faulted') this.waits.refuse('FAULTED')
  }

  askStop(wait: Wait): void {
    if (this.state === 'stopped') this.waits.end(wait, 'ok undefined')
    else {
      this.waits.forDeparture(wait)
      this.waits.refuse('STOPPED')
      this.hear('stop')
    }
  }

  askRestart(wait: Wait): void {
    this.waits.forRenewal(wait)
    this.hear('restart')
  }

  override begin(state: 'starting' | 'restart'): void {
    this.queued = false
    super.begin(state)
  }

  leaveAndReturn(): void {
    this.queued = false
    this.restarts++
    this.forgetAttempts()
    this.leave('restart')
  }

  /** A restart of a child that is started. */
  renew(): void {
    this.queued = false
    if (this.canReplace) this.replace()
    else this.leaveAndReturn()
  }

  changeWhileRestarting(): void {
    if (this.step === 'retiring') this.outdated = true
    else if (this.incumbent) {
      this.forgetAttempts()
      this.clear()
    } else if (this.step !== 'terminating' && this.step !== 'killing') this.leaveAndReturn()
  }

  crash(exit: Exit): void {
    const { maxRestarts, restart, restartTolerance } = this.inForce
    if (restart === 'never' || (restart === 'on-failure' && exit.code === 0)) {
      this.leave('stopping')
      return
    }
    this.crashes++
    if (this.record.crash(this.time.now, restartTolerance, maxRestarts)) this.fault('EXITED')
    else {
      this.restarts++
      this.waits.leave()
      this.begin('restart')
    }
  }

  suffer(): void {
    if (this.record.suffer(this.time.now)) this.renew()
    else this.tell([`error ${failed('NOT_READY')}`])
  }

  retry(): void {
    if (this.time.now - this.faultedAt >= this.inForce.faultTimeout * 1_000) this.begin('starting')
  }

  retryAtOnce(): void {
    this.record.forget()
    this.begin('starting')
  }

  retryAfterChange(): void {
    this.record.forget()
    this.leaveAndReturn()
  }

  /** A faulted child is stopped; what survived the kill is killed again. */
  clearAway(): void {
    this.queued = false
    if (this.all.length > 0) this.killLeaving('stopping')
    else this.#stop()
  }

  protected override onLeft(): void {
    if (this.queued) this.begin('starting')
    else this.#stop()
  }

  #stop(): void {
    this.rest()
    this.record.forget()
    this.move('stopped')
    this.release()
  }

  protected override onReady(): void {
    this.move('started')
    const { checked, idleTimeSec } = this.inForce
    const { rounds, sick } = this.surroundings
    const takeUse = (): boolean => {
      const used = this.used || this.leases > 0
      this.used = false
      return used
    }
    const onIdle = (): void => this.hear('idle')
    if (idleTimeSec !== null) this.#watches.push(watchIdle(this.time, rounds, idleTimeSec, takeUse, onIdle))
    const isSick = (): boolean => sick.has(this.name)
    if (checked) this.#watches.push(watchHealth(this.time, isSick, () => this.hear('unhealthy')))
  }

  protected override onMoved(to: ChildState, from: ChildState): string[] {
    if (from === 'started') {
      for (const undo of this.#watches.splice(0)) undo()
    }
    if (!this.isReplacing && to !== 'started') this.waits.leave()
    if (to === 'started') {
      if (this.kept) this.waits.kept(this.error)
      this.waits.arrived(this.address)
      if (this.kept) return []
      return [`${from === 'restart' ? 'restarted' : 'started'} ${this.address}`]
    }
    if (to === 'faulted') {
      this.waits.stayed(this.error)
      this.waits.refuse(this.error)
      return [`faulted ${failed(this.error)}`, `error ${failed(this.error)}`]
    }
    if (to !== 'stopped' && from !== 'stopping') return []
    this.waits.departed()
    if (to === 'stopped') this.waits.refuse('STOPPED')
    return ['stopped']
  }

  /** The spinner has closed. */
  dispose(): void {
    this.waits.refuse('CLOSED')
    for (const undo of this.#watches.splice(0)) undo()
    this.disposeAttempt()
  }
}
