const ESC = 0x1b
const BEL = 0x07
const TAB = 0x09
const DEL = 0x7f
const STRING_END = 0x9c

/** Begins of strings for the terminal itself: OSC, DCS, SOS, PM and APC, with seven bits (after ESC) and with eight. */
const STRINGS_7 = new Set([']', 'P', 'X', '^', '_'].map((letter) => letter.charCodeAt(0)))
const STRINGS_8 = new Set([0x9d, 0x90, 0x98, 0x9e, 0x9f])
const CSI_7 = '['.charCodeAt(0)
const CSI_8 = 0x9b

const isControl = (code: number): boolean => (code < 0x20 && code !== TAB) || (code >= DEL && code <= 0x9f)

/**
 * Removes control sequences from a line, because a terminal would obey them: they can set the title, move the cursor, or
 * fill the clipboard (docs/hazards.md#h60). Keeps colours if `keepColours` is true.
 */
export function sanitize(text: string, keepColours: boolean): string {
  let at = 0
  while (at < text.length && !isControl(text.charCodeAt(at))) at++
  if (at === text.length) return text
  let kept = text.slice(0, at)
  let isColoured = false
  while (at < text.length) {
    const code = text.charCodeAt(at)
    const end = isControl(code) ? endOfControl(text, at) : at + 1
    if (!isControl(code)) kept += text[at]
    else if (keepColours && isColour(text.slice(at, end))) {
      kept += text.slice(at, end)
      isColoured = true
    }
    at = end
  }
  return isColoured ? `${kept}\x1b[0m` : kept
}

/** Returns the end of the control sequence at `at`. An unfinished sequence ends with the line. */
function endOfControl(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code === CSI_8) return endOfSequence(text, at + 1)
  if (STRINGS_8.has(code)) return endOfString(text, at + 1)
  if (code !== ESC) return at + 1
  const next = text.charCodeAt(at + 1)
  if (next === CSI_7) return endOfSequence(text, at + 2)
  if (STRINGS_7.has(next)) return endOfString(text, at + 2)
  let end = at + 1
  while (isWithin(text.charCodeAt(end), 0x20, 0x2f)) end++
  return isWithin(text.charCodeAt(end), 0x30, 0x7e) ? end + 1 : end
}

const isWithin = (code: number, from: number, to: number): boolean => code >= from && code <= to

function endOfSequence(text: string, from: number): number {
  let end = from
  while (isWithin(text.charCodeAt(end), 0x20, 0x3f)) end++
  return isWithin(text.charCodeAt(end), 0x40, 0x7e) ? end + 1 : end
}

function endOfString(text: string, from: number): number {
  for (let end = from; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === BEL || code === STRING_END) return end + 1
    if (code === ESC) return text[end + 1] === '\\' ? end + 2 : end
  }
  return text.length
}

/** Matches `ESC [ … m` with only digits and separators in between. */
function isColour(sequence: string): boolean {
  if (!sequence.startsWith('\x1b[') || !sequence.endsWith('m')) return false
  return /^[\d;:]*$/.test(sequence.slice(2, -1))
}
