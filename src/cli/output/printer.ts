import type { Writable } from 'node:stream'
import type { Clock } from '../../sys.ts'
import type { OutputStream } from '../../types/child.ts'
import { LineWriter } from './line-writer.ts'
import { sanitize } from './sanitize.ts'

/** What happened, besides a line of output: the words for people, and more for programs. */
export interface LogEvent {
  readonly event: string
  /** In words. */
  readonly text: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** Where the command writes what children print and what happens to them. */
export interface Printer {
  output(child: string, stream: OutputStream, line: string): void
  /** Of a child, or of the command itself when `child` is null. */
  tell(child: string | null, happening: LogEvent): void
  /** The names that lines begin with, so that all are padded alike. */
  align(names: Iterable<string>): void
  /** Resolves when all is written, cannot be, or is not read within a second. */
  flush(): Promise<void>
}

export interface Style {
  readonly json: boolean
  readonly color: boolean
  readonly clock: Clock
}

const OWN = 'spinner'
const LONGEST_NAME = 32
const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]

/** What stands between a name and its line. */
const MARKS = { stdout: '|', stderr: '!', own: '*' } as const

export function newPrinter(out: Writable, { json, color, clock }: Style): Printer {
  let width = OWN.length
  const paint = (text: string, code: number): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
  const prefixed = (name: string, mark: string, text: string): string => {
    const padded = sanitize(name, false).slice(0, LONGEST_NAME).padEnd(width)
    return `${paint(`${padded} ${mark}`, name === OWN ? 1 : colourOf(name))} ${text}`
  }
  const record = (fields: Readonly<Record<string, unknown>>): string =>
    JSON.stringify({ time: new Date(clock.date()).toISOString(), ...fields })

  const told = (child: string | null, { event, text, details = {} }: LogEvent): string[] => {
    const words = text.split('\n').map((line) => sanitize(line, false))
    if (!json) return words.map((line) => prefixed(child ?? OWN, MARKS.own, line))
    return [record({ ...(child === null ? {} : { child }), event, ...details, message: words.join('\n') })]
  }
  const lines = new LineWriter(out, (lost, why) => {
    const text = `${lost} lines were lost, since ${why}`
    return told(null, { event: 'lost', text, details: { lines: lost } }).join('\n')
  })
  return {
    output: (child, stream, line) => {
      if (json) lines.write(record({ child, stream, line: sanitize(line, false) }))
      else lines.write(prefixed(child, MARKS[stream], sanitize(line, color)))
    },
    tell: (child, happening) => {
      for (const line of told(child, happening)) lines.write(line)
    },
    align: (names) => {
      for (const name of names) width = Math.max(width, Math.min(sanitize(name, false).length, LONGEST_NAME))
    },
    flush: () => lines.flush(clock),
  }
}

/** The same name has the same colour every time. */
function colourOf(name: string): number {
  let hash = 0
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0
  return COLOURS[hash % COLOURS.length] as number
}

/** Whether a stream wants colours: a terminal does, unless its user said no. */
export function wantsColour(
  out: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv,
  isAllowed: boolean,
): boolean {
  return isAllowed && out.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
}
