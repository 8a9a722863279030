import type { Writable } from 'node:stream'
import type { OutputStream } from '../events.ts'
import { clean } from './clean.ts'

/** What happened, besides a line of output: the words for people, and more for programs. */
export interface Happening {
  readonly event: string
  /** In words. */
  readonly text: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** Where the command writes what children print and what happens to them. */
export interface Printer {
  output(child: string, stream: OutputStream, line: string): void
  /** Of a child, or of the command itself when `child` is null. */
  tell(child: string | null, happening: Happening): void
  /** The names that lines begin with, so that all are padded alike. */
  align(names: Iterable<string>): void
  /** Resolves when all is written, or cannot be. */
  flush(): Promise<void>
}

export interface Style {
  readonly json: boolean
  readonly color: boolean
  /** Wall-clock milliseconds. */
  readonly now: () => number
}

const OWN = 'spinner'
const LONGEST_NAME = 32
/** A reader who lags further behind misses lines; a child is never made to wait. */
const MOST_WAITING_BYTES = 1024 * 1024
const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]

/** What stands between a name and its line. */
const MARKS = { stdout: '|', stderr: '!', own: '*' } as const

export function newPrinter(out: Writable, { json, color, now }: Style): Printer {
  let width = OWN.length
  let lost = 0
  const write = (line: string): void => {
    if (out.destroyed || !out.writable) return
    if (out.writableLength > MOST_WAITING_BYTES) {
      if (lost++ === 0) out.once('drain', tellLost)
      return
    }
    out.write(`${line}\n`)
  }
  const tellLost = (): void => {
    const lines = lost
    lost = 0
    tell(null, {
      event: 'lost',
      text: `${lines} lines were lost, since they were not read in time`,
      details: { lines },
    })
  }
  const paint = (text: string, code: number): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
  const prefixed = (name: string, mark: string, text: string): string => {
    const padded = clean(name, false).slice(0, LONGEST_NAME).padEnd(width)
    return `${paint(`${padded} ${mark}`, name === OWN ? 1 : colourOf(name))} ${text}`
  }
  const record = (fields: Readonly<Record<string, unknown>>): void =>
    write(JSON.stringify({ time: new Date(now()).toISOString(), ...fields }))

  const tell = (child: string | null, { event, text, details = {} }: Happening): void => {
    const message = clean(text, false)
    if (json) record({ ...(child === null ? {} : { child }), event, ...details, message })
    else for (const line of text.split('\n')) write(prefixed(child ?? OWN, MARKS.own, clean(line, false)))
  }
  return {
    output: (child, stream, line) => {
      if (json) record({ child, stream, line: clean(line, false) })
      else write(prefixed(child, MARKS[stream], clean(line, color)))
    },
    tell,
    align: (names) => {
      for (const name of names) width = Math.max(width, Math.min(clean(name, false).length, LONGEST_NAME))
    },
    flush: () =>
      new Promise((resolve) => {
        if (out.destroyed || !out.writable) return resolve()
        out.write('', () => resolve())
        out.once('close', resolve)
      }),
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
