import type { ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'
import type { Sys } from '../sys.ts'
import type { Exit, OutputStream } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { EscapedProcesses, Order } from './escaped.ts'
import { killTree, membersOf, signalGroup, signalLeader, whenEmpty } from './group.ts'
import { drainOutput, LineBuffer } from './output.ts'

/** Output that is still on its way when a process has ended gets so long; a grandchild may hold it for ever. */
const LAST_OUTPUT_MS = 100
const ERROR_LINES = 40

/** What a process tells its child's actor. */
export interface ProcessEvents {
  exited(pid: number, exit: Exit): void
  line(stream: OutputStream, line: string): void
  message(message: unknown): void
}

/** One OS process of a child and the group it leads. */
export class ManagedProcess {
  readonly pid: number
  readonly stdin: Writable | null
  /** Settles when the leader has ended and what it wrote was read. */
  readonly ended: Promise<void>
  /** How it ended; `null` while it lives. */
  exit: Exit | null = null
  /** When the stop signal went out, on the clock; `null` while it has not. */
  signalledAt: number | null = null
  readonly #sys: Sys
  readonly #process: ChildProcess
  readonly #settings: ChildSettings
  readonly #stderr = new LineBuffer()
  #terminated: Promise<void> | null = null
  #gone: Promise<void> | null = null
  #killedAt: number | null = null
  #empty = false
  readonly #strays: EscapedProcesses

  constructor(
    sys: Sys,
    process: ChildProcess,
    settings: ChildSettings,
    strays: EscapedProcesses,
    events: ProcessEvents,
  ) {
    this.#sys = sys
    this.#process = process
    this.#settings = settings
    this.#strays = strays
    this.pid = process.pid as number
    this.stdin = process.stdin
    process.on('error', () => {})
    process.stdin?.on('error', () => {})
    drainOutput(
      process.stdout,
      () => settings.stdout,
      (line) => events.line('stdout', line),
    )
    drainOutput(
      process.stderr,
      () => settings.stderr,
      (line) => {
        this.#stderr.push(line)
        events.line('stderr', line)
      },
    )
    if (settings.ipc) process.on('message', (message) => events.message(message))
    this.ended = this.#whenEnded(events)
  }

  #whenEnded(events: ProcessEvents): Promise<void> {
    const process = this.#process
    return new Promise((resolve) => {
      const settle = once(() => {
        events.exited(this.pid, this.exit as Exit)
        resolve()
      })
      process.once('exit', (code, signal) => {
        this.exit = { code, signal }
        // The number is the group's as long as it has members, and anybody's from then on.
        if (!signalGroup(this.#sys, this.pid, 0)) this.#empty = this.#sys.platform !== 'win32'
        void this.#sys.pause(LAST_OUTPUT_MS).then(settle)
      })
      process.once('close', (code, signal) => {
        this.exit ??= { code, signal }
        settle()
      })
    })
  }

  /** The last lines of stderr, oldest first. */
  get stderrTail(): readonly string[] {
    return this.#stderr.last(ERROR_LINES)
  }

  /** By which it, and whatever it starts, is found again. */
  get mark(): string {
    return this.#strays.mark
  }

  /** Pids of what lives in its cgroup, when it has one. */
  housed(): number[] {
    return this.#strays.housed()
  }

  /** Sends the stop signal, once however often it is called; resolves when nothing of it lives. */
  terminate(): Promise<void> {
    this.#terminated ??= this.#terminate()
    return this.#terminated
  }

  /** Kills all of it; resolves when nothing of it lives. */
  async kill(): Promise<void> {
    await this.#rememberStrays()
    this.killNow()
    await this.whenGone()
  }

  /** The kill of the group alone, in this very turn; those who left it follow. */
  killNow(): void {
    this.#killedAt ??= this.#sys.clock.now()
    if (this.#empty) return
    if (this.#sys.platform === 'win32') killTree(this.pid)
    else signalGroup(this.#sys, this.pid, 'SIGKILL')
  }

  /** Pids of all that still live. */
  survivors(): number[] {
    const group = this.#empty ? [] : membersOf(this.#sys, this.pid)
    return [...new Set([...group, ...this.#strays.pids()])]
  }

  /** Whether something of it lives though it was killed so many milliseconds ago. */
  outlivesKill(ms: number): boolean {
    const killed = this.#killedAt !== null && this.#sys.clock.now() - this.#killedAt >= ms
    return killed && this.survivors().length > 0
  }

  /** Resolves to false when there is no channel any more; never throws (docs/hazards.md#h24). */
  send(message: unknown): Promise<boolean> {
    const process = this.#process
    if (!process.connected) return Promise.resolve(false)
    return new Promise((resolve) => {
      try {
        process.send(message as object, (error) => resolve(error === null))
      } catch {
        resolve(false)
      }
    })
  }

  /** @internal For `ready: 'message'`. */
  onMessage(listener: (message: unknown) => void): () => void {
    this.#process.on('message', listener)
    return () => void this.#process.off('message', listener)
  }

  async #terminate(): Promise<void> {
    const { stopScope } = this.#settings
    await this.#rememberStrays()
    this.signalledAt = this.#sys.clock.now()
    if (this.#sys.platform === 'win32') this.killNow()
    else if (stopScope === 'group') this.#ask('group')
    else {
      if (this.exit === null) this.#ask('leader')
      await this.ended
      // Those whom the signal to the leader has not reached have been asked by nobody yet.
      if (this.#killedAt === null && !this.#ask('group')) this.#empty = true
    }
    await this.whenGone()
  }

  async #rememberStrays(): Promise<void> {
    if (this.exit === null) await this.#strays.remember(this.pid)
  }

  /** Answers whether there was anybody to ask. */
  #ask(scope: 'group' | 'leader'): boolean {
    if (this.#empty) return false
    const signal = scope === 'group' ? signalGroup : signalLeader
    // A stopped process takes its signal only once it goes on (systemd.kill(5) does the same).
    return (
      signal(this.#sys, this.pid, this.#settings.stopSignal) && signalGroup(this.#sys, this.pid, 'SIGCONT')
    )
  }

  /** Resolves when nothing lives of the group, nor of those who left it. */
  whenGone(): Promise<void> {
    this.#gone ??= this.ended.then(async () => {
      if (this.#sys.platform !== 'win32' && !this.#empty) await whenEmpty(this.#sys, this.pid)
      // From here on the number may be somebody else's.
      this.#empty = true
      await this.#strays.whenGone(() => this.#order())
      await this.#closeOutput()
    })
    return this.#gone
  }

  /** Returns the signal for processes that left the group. They get it last: their parent may want to end them itself. */
  #order(): Order {
    if (this.#killedAt !== null) return 'SIGKILL'
    return this.#terminated ? this.#settings.stopSignal : null
  }

  /** Closes the pipes once all processes are gone: a process that outlives its wrapper would die of a broken pipe. */
  async #closeOutput(): Promise<void> {
    const { stdout, stderr } = this.#process
    if (!stdout?.destroyed || !stderr?.destroyed) {
      const closed = new Promise<void>((resolve) => this.#process.once('close', () => resolve()))
      await Promise.race([closed, this.#sys.pause(LAST_OUTPUT_MS)])
    }
    stdout?.destroy()
    stderr?.destroy()
  }
}

function once(action: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}
