import type { ChildState, Exit } from '../../src/types/child.ts'
import { ReferenceReplacement } from './reference-replacement.ts'
import { failed, type Wait } from './reference-waits.ts'
import { watchHealth, watchIdle } from './reference-watch.ts'

/** The inputs of a child. An input without an entry for a state changes nothing in that state. */
type Input = 'start' | 'stop' | 'restart' | 'gone' | 'lost' | 'changed' | 'unhealthy' | 'idle'
type Row = Partial<Record<Input, (child: ReferenceChild, exit?: Exit) => void>>

const queue = (it: ReferenceChild, queued: boolean): void => {
  it.queued = queued
}

/** The table of states, written from the specification (docs/states.md). */
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
    restart: (it) => it.restartStarted(),
    gone: (it, exit) => it.crash(exit as Exit),
    changed: (it) => it.restartStarted(),
    unhealthy: (it) => it.failChecks(),
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
    lost: (it) => it.loseOldProcess(),
    changed: (it) => it.changeWhileRestarting(),
  },
  faulted: {
    start: (it) => it.retry(),
    stop: (it) => it.stopFaulted(),
    restart: (it) => it.retryAtOnce(),
    changed: (it) => it.retryAfterChange(),
  },
}

/** Predicts one child: its states, the waiting callers, and the reasons for each transition. */
export class ReferenceChild extends ReferenceReplacement {
  leases = 0
  used = false
  queued = false
  #watches: (() => void)[] = []

  handle(input: Input, exit?: Exit): void {
    TABLE[this.state][input]?.(this, exit)
  }

  /** Does what `start()` does, except for the wait. */
  askStart(): void {
    this.used = true
    if (this.state === 'started') return
    this.waits.forgetFailure()
    this.handle('start')
    if (this.state === 'faulted') this.waits.refuse('FAULTED')
  }

  askStop(wait: Wait): void {
    if (this.state === 'stopped') this.waits.end(wait, 'ok undefined')
    else {
      this.waits.untilStopped(wait)
      this.waits.refuse('STOPPED')
      this.handle('stop')
    }
  }

  askRestart(wait: Wait): void {
    this.waits.untilReplaced(wait)
    this.handle('restart')
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

  /** Restarts a started child. */
  restartStarted(): void {
    this.queued = false
    if (this.canReplace) this.replace()
    else this.leaveAndReturn()
  }

  changeWhileRestarting(): void {
    if (this.step === 'retiring') this.outdated = true
    else if (this.oldProcess) {
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
    if (this.history.crash(this.time.now, restartTolerance, maxRestarts)) this.fault('EXITED')
    else {
      this.restarts++
      this.waits.forgetReady()
      this.begin('restart')
    }
  }

  failChecks(): void {
    if (this.history.restartByCheck(this.time.now)) this.restartStarted()
    else this.emit([`error ${failed('NOT_READY')}`])
  }

  retry(): void {
    if (this.time.now - this.faultedAt >= this.inForce.faultTimeout * 1_000) this.begin('starting')
  }

  retryAtOnce(): void {
    this.history.forget()
    this.begin('starting')
  }

  retryAfterChange(): void {
    this.history.forget()
    this.leaveAndReturn()
  }

  /** Stops a faulted child. Kills processes again that survived the kill. */
  stopFaulted(): void {
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
    this.history.forget()
    this.move('stopped')
    this.release()
  }

  protected override onReady(): void {
    this.move('started')
    const { checked, idleTimeSec } = this.inForce
    const { intervals, sick } = this.shared
    const takeUse = (): boolean => {
      const used = this.used || this.leases > 0
      this.used = false
      return used
    }
    const onIdle = (): void => this.handle('idle')
    if (idleTimeSec !== null)
      this.#watches.push(watchIdle(this.time, intervals, idleTimeSec, takeUse, onIdle))
    const isSick = (): boolean => sick.has(this.name)
    if (checked) this.#watches.push(watchHealth(this.time, isSick, () => this.handle('unhealthy')))
  }

  protected override onMoved(to: ChildState, from: ChildState): string[] {
    if (from === 'started') {
      for (const undo of this.#watches.splice(0)) undo()
    }
    if (!this.isReplacing && to !== 'started') this.waits.forgetReady()
    if (to === 'started') {
      if (this.kept) this.waits.notReplaced(this.error)
      this.waits.ready(this.address)
      if (this.kept) return []
      return [`${from === 'restart' ? 'restarted' : 'started'} ${this.address}`]
    }
    if (to === 'faulted') {
      this.waits.stopFailed(this.error)
      this.waits.refuse(this.error)
      return [`faulted ${failed(this.error)}`, `error ${failed(this.error)}`]
    }
    if (to !== 'stopped' && from !== 'stopping') return []
    this.waits.stopped()
    if (to === 'stopped') this.waits.refuse('STOPPED')
    return ['stopped']
  }

  /** Ends the child, because the spinner has closed. */
  dispose(): void {
    this.waits.refuse('CLOSED')
    for (const undo of this.#watches.splice(0)) undo()
    this.disposeAttempt()
  }
}
