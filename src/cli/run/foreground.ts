import type { Writable } from 'node:stream'
import { messageOf } from '../../errors.ts'
import { realSys } from '../../sys.ts'
import type { ChildInfo } from '../../types/child.ts'
import type { Spinner } from '../../types/spinner.ts'
import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/model.ts'
import { newLogger, printEvents } from '../output/events.ts'
import { openLogFiles } from '../output/log-files.ts'
import { newPrinter, type Printer, wantsColour } from '../output/printer.ts'
import { nonBlocking, whenUnwritten } from '../output/stdout.ts'
import { JobQueue } from './job-queue.ts'
import { describeChanges } from './plan.ts'
import { Reconciler } from './reconciler.ts'
import type { OutputStyle, Source, TakeSignals } from './source.ts'
import { endByHangUp, watchTerminal } from './terminal.ts'

/** The codes with which the command ends: as people, shells and systemd expect. */
const CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 0, SIGHUP: 129 }
/** When a second signal made an end of it at once. */
const KILLED: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 }

/**
 * npm hands Ctrl-C on to the program that it started, which the terminal has told of it already. What comes so soon after
 * the first is its echo; the figure is in milliseconds.
 */
const ECHO = Object.keys(process.env).some((name) => name.startsWith('npm_lifecycle_')) ? 500 : 0

/** Runs what a source says until it has ended or is asked to, and resolves with the exit code. */
export async function stay(source: Source, looks: OutputStyle, takeSignals: TakeSignals): Promise<number> {
  const config = await source.load()
  const color = wantsColour(process.stdout, process.env, looks.color)
  const out = nonBlocking(process.stdout)
  const printer = newPrinter(out, { json: looks.json, color, clock: realSys.clock })
  const { createSpinner } = await import('../../index.ts')
  const children: { isKnown: (name: string) => boolean } = { isKnown: () => false }
  const logger = newLogger(printer, (name) => children.isKnown(name))
  const spinner = createSpinner({ ...config.own, logger, stdout: null, stderr: null })
  children.isKnown = (name) => spinner.child(name) !== undefined
  const code = await new Foreground(source, config, printer, spinner).until(takeSignals, out)
  await printer.flush()
  return code
}

/** One run of the command, from its first start to its end. */
class Foreground {
  readonly #source: Source
  readonly #printer: Printer
  readonly #spinner: Spinner
  readonly #outlets = openLogFiles((text) => this.#printer.tell(null, { event: 'error', text }))
  readonly #site: Reconciler
  readonly #jobs = new JobQueue(
    (thrown) => this.#tell('error', messageOf(thrown)),
    () => this.#lookForEnd(),
  )
  /** A file is read while jobs are under way, so that a mended one need not wait for what the broken one has begun. */
  readonly #reads = new JobQueue(
    (thrown) => this.#tellWrong(thrown),
    () => this.#lookForEnd(),
  )
  readonly #isHungUp = watchTerminal()
  /** What was applied last, and what was read last. */
  #config: Config
  #next: Config
  #ending: string | null = null
  #askedAt = 0
  #finish: (code: number) => void = () => {}

  constructor(source: Source, config: Config, printer: Printer, spinner: Spinner) {
    this.#source = source
    this.#config = config
    this.#next = config
    this.#printer = printer
    this.#spinner = spinner
    this.#site = new Reconciler(spinner, this.#outlets, { ...printer, tell: this.#tellOfWork })
  }

  until(takeSignals: TakeSignals, out: Writable): Promise<number> {
    return new Promise((resolve) => {
      this.#finish = resolve
      // Where all are to be tried again later, nothing else would keep this program.
      realSys.hold()
      process.on('SIGINT', () => this.#end('SIGINT'))
      process.on('SIGTERM', () => this.#end('SIGTERM'))
      whenUnwritten(out, { closed: () => this.#hangUp(), unread: () => this.#onUnread() })
      printEvents(this.#spinner, this.#printer, (name) => this.#site.isLazy(name))
      this.#spinner.on('stopped', () => this.#lookForEnd())
      const reload = (): void => this.#readAgain()
      this.#source.begin?.({ spinner: this.#spinner, printer: this.#printer, reload })
      this.#jobs.add('start', () => this.#apply(this.#config).catch((thrown) => this.#fail(thrown)))
      takeSignals((signal) => this.#onSignal(signal))
    })
  }

  async #apply(config: Config): Promise<void> {
    await this.#site.apply(config)
    this.#config = config
    this.#source.applied?.(this.#site.place)
  }

  #tell(event: string, text: string): void {
    this.#tellOfWork(null, { event, text })
  }

  /** What fails once the end has begun was broken off by it, and is no error. */
  readonly #tellOfWork: Printer['tell'] = (child, happening) => {
    if (this.#ending === null || happening.event !== 'error') this.#printer.tell(child, happening)
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (signal === 'SIGUSR2') this.#jobs.add('restart', () => this.#restartAll())
    else if (this.#isHungUp()) this.#hangUp()
    else this.#readAgain()
  }

  #readAgain(): void {
    this.#reads.add('read', () => this.#read())
  }

  async #restartAll(): Promise<void> {
    if (this.#ending !== null) return
    this.#tell('restart', 'restarts everything, one after another')
    try {
      await this.#site.roll()
      this.#tell('restarted', 'everything was restarted')
    } catch (thrown) {
      if (this.#ending === null)
        this.#tell(
          'error',
          `the restart of everything ends here; what runs is left as it is: ${messageOf(thrown)}`,
        )
    }
  }

  async #read(): Promise<void> {
    this.#outlets.reopen()
    this.#next = await this.#source.load()
    this.#site.giveUpWaits()
    this.#jobs.add('reload', () => this.#reload())
  }

  async #reload(): Promise<void> {
    this.#tell('reload', `${this.#source.again}: ${describeChanges(this.#config, this.#next)}`)
    try {
      await this.#apply(this.#next)
    } catch (thrown) {
      this.#tell('error', messageOf(thrown))
      // Of what it was to take over from, not all may have begun.
      await this.#apply(this.#config)
    }
  }

  #tellWrong(thrown: unknown): void {
    const wrong = `the configuration is left as it was, since the file is wrong:\n${messageOf(thrown)}`
    this.#tell('error', thrown instanceof ConfigError ? wrong : messageOf(thrown))
  }

  /** Once all have ended by themselves there is nothing left to wait for. */
  #lookForEnd(): void {
    if (this.#ending !== null || this.#isBusy || this.#site.place !== null) return
    const { names } = this.#site
    const infos = names.map((name) => this.#spinner.get(name))
    if (infos.length === 0 || infos.some((info) => info?.state !== 'stopped')) return
    if (names.some((name) => this.#site.isMissed(name))) return
    const isWell = infos.every((info) => endedWell(info))
    this.#tell('end', 'everything has ended by itself')
    void this.#close('end', isWell ? 0 : 1)
  }

  get #isBusy(): boolean {
    return this.#jobs.isBusy || this.#reads.isBusy
  }

  /** What cannot be begun is ended. */
  #fail(thrown: unknown): void {
    if (this.#ending !== null) return
    this.#tell('error', messageOf(thrown))
    void this.#close('failed', 1)
  }

  /** Nobody reads what is printed. */
  #onUnread(): void {
    if (this.#ending === null) void this.#close('unread', 0)
  }

  /** A closed terminal is told of more than once: by its shell, and by the system. */
  #hangUp(): void {
    if (this.#ending !== null) return
    endByHangUp()
    this.#end('SIGHUP')
  }

  #end(signal: string): void {
    const now = performance.now()
    if (this.#ending !== null && now - this.#askedAt < ECHO) return
    if (this.#ending !== null) {
      this.#tell('kill', `${signal} again: kills what is left`)
      // What leaves its children at the exit of this program kills them: see process/orphans.ts.
      process.exit(KILLED[signal])
    }
    this.#tell('stop', `${signal}: stops everything; once more kills`)
    this.#askedAt = now
    void this.#close(signal, CODES[signal] ?? 0)
  }

  async #close(why: string, code: number): Promise<void> {
    this.#ending = why
    this.#reads.end()
    this.#jobs.end()
    const outcome = await this.#site.close().then(
      () => code,
      (thrown) => {
        this.#printer.tell(null, { event: 'error', text: messageOf(thrown) })
        return 1
      },
    )
    await this.#outlets.close(realSys.clock)
    this.#finish(outcome)
  }
}

/** Whether a child that was not restarted ended as it should: by itself and without complaint, or because it was idle. */
function endedWell(info: ChildInfo | null): boolean {
  const exit = info?.lastExit
  return !exit || exit.code === 0 || exit.signal === info.options.stopSignal
}
