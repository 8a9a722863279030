import type { Writable } from 'node:stream'
import type { Clock } from '../../sys.ts'
import type { OutputStream } from '../../types/child.ts'
import { LineWriter } from './line-writer.ts'
import { sanitize } from './sanitize.ts'

/** An event as the command prints it: text for people, and details for programs. */
export interface LogEvent {
  /** The member `event` of a JSON line. */
  readonly event: string
  /** May have several lines. */
  readonly text: string
  /** More members of a JSON line. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** Prints what children write and what happens to them. */
export interface Printer {
  /** Prints a line that a child wrote. */
  output(child: string, stream: OutputStream, line: string): void
  /** Prints an event of a child, or of the command itself if `child` is null. */
  event(child: string | null, event: LogEvent): void
  /** Widens the column of names so that these names fit. */
  align(names: Iterable<string>): void
  /** Resolves when everything is written or can no longer be written, at the latest after a second. */
  flush(): Promise<void>
}

/** How a printer prints, and its clock. */
export interface PrinterStyle {
  readonly json: boolean
  readonly color: boolean
  readonly clock: Clock
}

/** The name in front of the command's own lines. */
const OWN_NAME = 'spinner'
const MAX_NAME_LENGTH = 32
/** Codes of the terminal for the colours of names. */
const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]
const BOLD = 1

/** The sign between a name and its line. */
const SIGNS = { stdout: '|', stderr: '!', event: '*' } as const

/** Creates a printer that writes to `out`: lines for people, or one JSON object per line. */
export function newPrinter(out: Writable, { json, color, clock }: PrinterStyle): Printer {
  let width = OWN_NAME.length
  const paint = (text: string, code: number): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
  const labelled = (name: string, sign: string, text: string): string => {
    const padded = sanitize(name, false).slice(0, MAX_NAME_LENGTH).padEnd(width)
    return `${paint(`${padded} ${sign}`, name === OWN_NAME ? BOLD : colourOf(name))} ${text}`
  }
  const jsonLine = (fields: Readonly<Record<string, unknown>>): string =>
    JSON.stringify({ time: new Date(clock.date()).toISOString(), ...fields })

  const linesOf = (child: string | null, { event, text, details = {} }: LogEvent): string[] => {
    const clean = text.split('\n').map((line) => sanitize(line, false))
    if (!json) return clean.map((line) => labelled(child ?? OWN_NAME, SIGNS.event, line))
    return [jsonLine({ ...(child === null ? {} : { child }), event, ...details, message: clean.join('\n') })]
  }
  const lines = new LineWriter(out, (lost, why) => {
    const text = `${lost} lines were lost: ${why}`
    return linesOf(null, { event: 'lost', text, details: { lines: lost } }).join('\n')
  })
  return {
    output: (child, stream, line) => {
      if (json) lines.write(jsonLine({ child, stream, line: sanitize(line, false) }))
      else lines.write(labelled(child, SIGNS[stream], sanitize(line, color)))
    },
    event: (child, event) => {
      for (const line of linesOf(child, event)) lines.write(line)
    },
    align: (names) => {
      for (const name of names)
        width = Math.max(width, Math.min(sanitize(name, false).length, MAX_NAME_LENGTH))
    },
    flush: () => lines.flush(clock),
  }
}

/** Returns the colour of a name, always the same one for the same name. */
function colourOf(name: string): number {
  let hash = 0
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0
  return COLOURS[hash % COLOURS.length] as number
}

/** Returns whether to print colours: on a terminal, unless an option or a variable turns them off. */
export function wantsColour(
  out: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv,
  isAllowed: boolean,
): boolean {
  return isAllowed && out.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
}
