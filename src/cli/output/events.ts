import { firstLineOf } from '../../errors.ts'
import type { Child } from '../../types/child.ts'
import type { Logger } from '../../types/options.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { Printer } from './printer.ts'

/** Prints what the children of a spinner write, and what becomes of them. `isLazy` are those that requests start. */
export function printEvents(spinner: Spinner, printer: Printer, isLazy: (name: string) => boolean): void {
  const told = new WeakSet<Error>()
  const up = (event: 'started' | 'restarted') => (child: Child) => {
    const { address, pid } = child
    const where = address === null ? '' : ` on ${address}`
    printer.tell(child.name, { event, text: `${event}${where} (pid ${pid})`, details: { address, pid } })
  }
  spinner.on('output', (child, stream, line) => printer.output(child.name, stream, line))
  spinner.on('started', up('started'))
  spinner.on('restarted', up('restarted'))
  spinner.on('state', (child, to, _from, reason) => {
    if (to === 'restart')
      printer.tell(child.name, {
        event: 'restarting',
        text: `restarts, because ${reason}`,
        details: { reason },
      })
    if (to === 'stopped')
      printer.tell(child.name, { event: 'stopped', text: `stopped, because ${reason}`, details: { reason } })
  })
  spinner.on('faulted', (child, error) => {
    told.add(error)
    const { faultTimeout } = child.info().options
    const again = isLazy(child.name)
      ? `the first request after ${faultTimeout} s tries again`
      : `tried again in ${faultTimeout} s`
    const text = `faulted: ${firstLineOf(error)}\n${again}`
    printer.tell(child.name, { event: 'faulted', text, details: { code: error.code, retryIn: faultTimeout } })
  })
  spinner.on('error', (child, error) => {
    if (told.has(error)) return
    printer.tell(child.name, {
      event: 'error',
      text: firstLineOf(error),
      details: { code: (error as { code?: unknown }).code },
    })
  })
}

/** What a spinner logs: of a child's failure its events tell already, everything else is printed. */
export function newLogger(printer: Printer, isChild: (name: string) => boolean): Logger {
  const say = (event: string, isTold: boolean) => (line: string) => {
    const text = line.replace('[spinner] ', '')
    const end = text.indexOf(': ')
    const name = text.slice(0, Math.max(end, 0))
    if (!isChild(name)) printer.tell(null, { event, text })
    else if (!isTold) printer.tell(name, { event, text: text.slice(end + 2) })
  }
  return { info: () => {}, debug: () => {}, warn: say('warning', false), error: say('error', true) }
}
