import { firstLineOf } from '../../errors.ts'
import type { Child } from '../../types/child.ts'
import type { Logger } from '../../types/options.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { LogEvent, Printer } from './printer.ts'

/** Returns the logger for a child, the same one at each call with the same name. */
export type LoggerOf = (name: string) => Logger

/** Prints the output and the events of all children. `isLazy` tells the children that requests start. */
export function printEvents(spinner: Spinner, printer: Printer, isLazy: (name: string) => boolean): void {
  const faults = new WeakSet<Error>()
  spinner.on('output', (child, stream, line) => printer.output(child.name, stream, line))
  spinner.on('started', (child) => printer.event(child.name, runningEvent('started', child)))
  spinner.on('restarted', (child) => printer.event(child.name, runningEvent('restarted', child)))
  spinner.on('state', (child, to, _from, reason) => {
    if (to === 'restart') printer.event(child.name, reasonEvent('restarting', reason))
    if (to === 'stopped') printer.event(child.name, reasonEvent('stopped', reason))
  })
  spinner.on('faulted', (child, error) => {
    faults.add(error)
    const { faultTimeout } = child.info().options
    const next = isLazy(child.name)
      ? `the first request after ${faultTimeout} s starts it again`
      : `trying again in ${faultTimeout} s`
    const text = `faulted: ${firstLineOf(error)}\n${next}`
    printer.event(child.name, {
      event: 'faulted',
      text,
      details: { code: error.code, retryIn: faultTimeout },
    })
  })
  spinner.on('error', (child, error) => {
    // A fault is emitted as `error` too.
    if (faults.has(error)) return
    const { code } = error as { code?: unknown }
    printer.event(child.name, { event: 'error', text: firstLineOf(error), details: { code } })
  })
}

function runningEvent(event: 'started' | 'restarted', { address, pid }: Child): LogEvent {
  const where = address === null ? '' : ` on ${address}`
  return { event, text: `${event}${where} (pid ${pid})`, details: { address, pid } }
}

const reasonEvent = (event: string, reason: string): LogEvent => ({
  event,
  text: `${event}: ${reason}`,
  details: { reason },
})

/** The start of every log line of the library. */
const PREFIX = '[spinner] '

const withoutPrefix = (line: string, prefix: string): string =>
  line.startsWith(prefix) ? line.slice(prefix.length) : line

/**
 * Creates the logger for everything that is not a single child: the spinner, its plugins and callbacks, pools and the
 * gateway. No event reports these lines, so all of them are printed.
 */
export function libraryLogger(printer: Printer): Logger {
  const print = (event: string) => (line: string) =>
    printer.event(null, { event, text: withoutPrefix(line, PREFIX) })
  return { info: print('info'), debug: () => {}, warn: print('warning'), error: print('error') }
}

/**
 * Creates the loggers of children. Each child has its own, so that the name of the child is known and need not be read
 * from the line, where it can look like any other text.
 */
export function childLoggers(printer: Printer): LoggerOf {
  const loggers = new Map<string, Logger>()
  return (name) => {
    const logger = loggers.get(name) ?? new ChildLogger(name, printer)
    loggers.set(name, logger)
    return logger
  }
}

/** Prints the log lines of one child that no event reports. */
class ChildLogger implements Logger {
  readonly #name: string
  readonly #printer: Printer
  readonly #prefix: string

  constructor(name: string, printer: Printer) {
    this.#name = name
    this.#printer = printer
    this.#prefix = `${PREFIX}${name}: `
  }

  /** Ignores changes of state, because events report them. */
  info(): void {}

  debug(): void {}

  warn(line: string): void {
    this.#print('warning', line)
  }

  /** Ignores errors of the child, because events report them. Other errors are those that its listeners throw. */
  error(line: string): void {
    if (!line.startsWith(this.#prefix)) this.#print('error', line)
  }

  #print(event: string, line: string): void {
    const text = withoutPrefix(withoutPrefix(line, this.#prefix), PREFIX)
    this.#printer.event(this.#name, { event, text })
  }
}
