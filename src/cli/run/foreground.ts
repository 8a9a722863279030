import type { Writable } from 'node:stream'
import { messageOf } from '../../errors.ts'
import { realSys } from '../../sys.ts'
import type { ChildInfo } from '../../types/child.ts'
import type { Spinner } from '../../types/spinner.ts'
import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/model.ts'
import { childLoggers, libraryLogger, printEvents } from '../output/events.ts'
import { openLogFiles } from '../output/log-files.ts'
import { newPrinter, type Printer, wantsColour } from '../output/printer.ts'
import { nonBlocking, onWriteError } from '../output/stdout.ts'
import { JobQueue } from './job-queue.ts'
import { describeChanges } from './plan.ts'
import { childOf, Reconciler } from './reconciler.ts'
import type { OnSignals, OutputStyle, Source } from './source.ts'
import { StopSignals } from './stop-signals.ts'
import { exitByHangUp, watchTerminal } from './terminal.ts'

/** Runs the configurations of a source until they end or a signal ends them. Resolves with the exit code. */
export async function runInForeground(
  source: Source,
  style: OutputStyle,
  onSignals: OnSignals,
): Promise<number> {
  const config = await source.load()
  const color = wantsColour(process.stdout, process.env, style.color)
  const out = nonBlocking(process.stdout)
  const printer = newPrinter(out, { json: style.json, color, clock: realSys.clock })
  const { createSpinner } = await import('../../index.ts')
  const logger = libraryLogger(printer)
  const spinner = createSpinner({ ...config.own, logger, stdout: null, stderr: null })
  const code = await new Foreground(source, config, printer, spinner).run(onSignals, out)
  await printer.flush()
  return code
}

/** One run of the command, from the first start to the exit code. */
class Foreground {
  readonly #source: Source
  readonly #printer: Printer
  readonly #spinner: Spinner
  readonly #loggerOf
  readonly #logFiles = openLogFiles((text) => this.#printer.event(null, { event: 'error', text }))
  readonly #reconciler: Reconciler
  readonly #jobs = new JobQueue(
    (thrown) => this.#print('error', messageOf(thrown)),
    () => this.#closeIfDone(),
  )
  /** Loads run beside the jobs, so that a corrected file need not wait for a job that the broken file started. */
  readonly #loads = new JobQueue(
    (thrown) => this.#printLoadError(thrown),
    () => this.#closeIfDone(),
  )
  readonly #stopSignals = new StopSignals(realSys.clock, {
    isStopping: () => this.#isClosing,
    stop: (signal, code) => this.#stop(signal, code),
    kill: (signal, code) => this.#kill(signal, code),
  })
  readonly #isTerminalGone = watchTerminal()
  #applied: Config
  #loaded: Config
  #isClosing = false
  #resolve: (code: number) => void = () => {}

  constructor(source: Source, config: Config, printer: Printer, spinner: Spinner) {
    this.#source = source
    this.#applied = config
    this.#loaded = config
    this.#printer = printer
    this.#spinner = spinner
    this.#loggerOf = childLoggers(printer)
    const io = { logFiles: this.#logFiles, loggerOf: this.#loggerOf }
    this.#reconciler = new Reconciler(spinner, realSys.clock, io, { ...printer, event: this.#printWork })
  }

  run(onSignals: OnSignals, out: Writable): Promise<number> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      // Keep the program alive while every child waits for its next try.
      realSys.hold()
      process.on('SIGINT', () => this.#stopSignals.receive('SIGINT'))
      process.on('SIGTERM', () => this.#stopSignals.receive('SIGTERM'))
      onWriteError(out, { closed: () => this.#hangUp(), unread: () => this.#onUnread() })
      printEvents(this.#spinner, this.#printer, (name) => this.#reconciler.isLazy(name))
      this.#spinner.on('stopped', () => this.#closeIfDone())
      this.#source.begin?.({
        spinner: this.#spinner,
        printer: this.#printer,
        loggerOf: this.#loggerOf,
        reload: () => this.#load(),
      })
      this.#jobs.add('start', () => this.#apply(this.#applied).catch((thrown) => this.#onStartError(thrown)))
      onSignals((signal) => this.#onSignal(signal))
    })
  }

  async #apply(config: Config): Promise<void> {
    await this.#reconciler.apply(config)
    this.#applied = config
    this.#source.applied?.(this.#reconciler.address)
  }

  #print(event: string, text: string): void {
    this.#printWork(null, { event, text })
  }

  /** Drops errors while the command closes, because they only report work that the close has interrupted. */
  readonly #printWork: Printer['event'] = (child, event) => {
    if (!this.#isClosing || event.event !== 'error') this.#printer.event(child, event)
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (signal === 'SIGUSR2') this.#jobs.add('restart', () => this.#restartAll())
    else if (this.#isTerminalGone()) this.#hangUp()
    else this.#load()
  }

  async #restartAll(): Promise<void> {
    if (this.#isClosing) return
    this.#print('restart', 'restarting all children, one after another')
    try {
      await this.#reconciler.restartAll()
      this.#print('restarted', 'all children were restarted')
    } catch (thrown) {
      this.#print('error', restartError(thrown))
    }
  }

  #load(): void {
    this.#loads.add('load', async () => {
      this.#logFiles.reopen()
      this.#loaded = await this.#source.load()
      this.#reconciler.stopWaiting()
      this.#jobs.add('reload', () => this.#reload())
    })
  }

  async #reload(): Promise<void> {
    this.#print('reload', `${this.#source.reloaded}: ${describeChanges(this.#applied, this.#loaded)}`)
    try {
      await this.#apply(this.#loaded)
    } catch (thrown) {
      this.#print('error', messageOf(thrown))
      // Apply the last good configuration again, because the failed reload may have interrupted it.
      await this.#apply(this.#applied)
    }
  }

  #printLoadError(thrown: unknown): void {
    const isWrong = thrown instanceof ConfigError
    const text = isWrong ? 'the configuration has errors, so the previous one stays in force:\n' : ''
    this.#print('error', `${text}${messageOf(thrown)}`)
  }

  /** Closes the command once all children have exited by themselves and nothing can start them again. */
  #closeIfDone(): void {
    if (this.#isClosing || this.#jobs.isBusy || this.#loads.isBusy) return
    if (this.#reconciler.address !== null) return
    const { names } = this.#reconciler
    const infos = names.map((name) => this.#spinner.get(name))
    if (infos.length === 0 || infos.some((info) => info?.state !== 'stopped')) return
    if (names.some((name) => this.#reconciler.needsRetry(name))) return
    this.#print('end', 'all children have exited')
    void this.#close(infos.every(hasExitedWell) ? 0 : 1)
  }

  #onStartError(thrown: unknown): void {
    if (this.#isClosing) return
    this.#print('error', messageOf(thrown))
    void this.#close(1)
  }

  #onUnread(): void {
    if (!this.#isClosing) void this.#close(0)
  }

  /** Stops as after a signal. Both the shell and the system report a closed terminal, so later calls do nothing. */
  #hangUp(): void {
    if (this.#isClosing) return
    exitByHangUp()
    this.#stopSignals.receive('SIGHUP')
  }

  #stop(signal: string, code: number): void {
    this.#print('stop', `${signal}: stopping all children (again to kill)`)
    void this.#close(code)
  }

  #kill(signal: string, code: number | undefined): void {
    this.#print('kill', `${signal}: killing all remaining processes`)
    // The library kills the children when this program exits: see orphans/orphans.ts.
    process.exit(code)
  }

  async #close(code: number): Promise<void> {
    this.#isClosing = true
    this.#loads.close()
    this.#jobs.close()
    const outcome = await this.#reconciler.close().then(
      () => code,
      (thrown) => {
        this.#printer.event(null, { event: 'error', text: messageOf(thrown) })
        return 1
      },
    )
    await this.#logFiles.close(realSys.clock)
    this.#resolve(outcome)
  }
}

/** Leaves out the reason of a child that did not restart, because the events of the child have reported it. */
function restartError(thrown: unknown): string {
  const child = childOf(thrown)
  const where = child === null ? '' : ` at '${child}'`
  const why = child === null ? `: ${messageOf(thrown)}` : ''
  return `the restart stopped${where}; the remaining children were not restarted${why}`
}

/** Returns whether a child exited without an error, or was stopped because it was idle. */
function hasExitedWell(info: ChildInfo | null): boolean {
  const exit = info?.lastExit
  return !exit || exit.code === 0 || exit.signal === info.options.stopSignal
}
