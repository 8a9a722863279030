import { INVALID } from '../../options/parsers.ts'
import { ListNode, MapNode, ScalarNode, type Tree } from './nodes.ts'

/** Why a word cannot be read. */
export class Ambiguous {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

const NOTHING = /^(?:~|null|Null|NULL|)$/
const FLAGS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
}
const DECIMAL = /^[-+]?(?:\d[\d_]*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/
const OTHER_BASE = /^[-+]?0(?:x[\da-fA-F_]+|o[0-7_]+|b[01_]+)$/
const OCTAL = /^[-+]?0[\d_]*[1-7][\d_]*$/
const SIXTIES = /^[-+]?\d[\d_]*(?::[0-5]?\d)+$/

/** Whether a word says "nothing": `null`, `~`, or nothing at all. */
export const isNothing = (word: ScalarNode): boolean => word.isPlain && NOTHING.test(word.text)

/** `true` and `false`, and the other words for them that YAML 1.1 knows. */
export function flagOf(word: ScalarNode): boolean | undefined {
  return word.isPlain ? FLAGS[word.text.toLowerCase()] : undefined
}

/**
 * The number that a word is, `undefined` when it is none. `100_000` and `08080` are what their writer meant. What
 * YAML 1.1 and 1.2 read differently is refused: nobody can know which was meant.
 */
export function numberOf({ text, isPlain }: ScalarNode): number | Ambiguous | undefined {
  if (!isPlain && !/^\d+$/.test(text)) return undefined
  if (OCTAL.test(text) && !/[89.eE]/.test(text)) return new Ambiguous(twoReadings(text))
  if (SIXTIES.test(text))
    return new Ambiguous(`'${text}' is minutes to some and hours to others; write a unit: '90s', '90m'`)
  if (DECIMAL.test(text) && !text.endsWith('_')) return Number(text.replaceAll('_', ''))
  return OTHER_BASE.test(text) ? Number(text.replaceAll('_', '').replace(/^\+/, '')) : undefined
}

function twoReadings(text: string): string {
  const digits = text.replaceAll('_', '')
  const [ten, eight] = [Number.parseInt(digits, 10), Number.parseInt(digits, 8)]
  return `'${text}' is ${eight} in YAML 1.1 and ${ten} in YAML 1.2; write ${ten} or ${eight}`
}

/** A word as what it looks most like: nothing, a flag, a number or a text. */
export function meaningOf(word: ScalarNode): null | boolean | number | string | Ambiguous {
  if (isNothing(word)) return null
  return flagOf(word) ?? numberOf(word) ?? word.text
}

/** The text that a word is, as it was written; nothing is no text. */
export const textOf = (word: ScalarNode): string | typeof INVALID =>
  isNothing(word) || word.text === '' ? INVALID : word.text

/** Something from a file as a person would recognise it in a message. */
export function shown(value: unknown): string {
  if (value instanceof ScalarNode) {
    const text = value.text.length > 60 ? `${value.text.slice(0, 60)}…` : value.text
    if (!value.isPlain) return JSON.stringify(text)
    return isNothing(value) ? 'nothing' : `'${text.replaceAll('\n', ' ')}'`
  }
  return Array.isArray(value) || value instanceof ListNode ? 'a list' : 'a map'
}

/** Whether a tree is there and says something. */
export const isThere = (tree: Tree | undefined): tree is MapNode | ListNode =>
  tree instanceof MapNode || tree instanceof ListNode
