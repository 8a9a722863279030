import { INVALID } from '../../options/parsers.ts'
import { ListNode, ScalarNode, type Tree } from './nodes.ts'

/** A scalar that YAML 1.1 and YAML 1.2 read as different numbers. */
export class Ambiguous {
  readonly reason: string
  readonly readings: readonly number[]

  constructor(reason: string, readings: readonly number[]) {
    this.reason = reason
    this.readings = readings
  }
}

const NULL = /^(?:~|null|Null|NULL|)$/
const BOOLEANS: Readonly<Record<string, boolean>> = {
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
const BASE_60 = /^[-+]?\d[\d_]*(?::[0-5]?\d)+$/

/** Returns true for `null`, `~`, and a key without a value. */
export const isNull = ({ isPlain, text }: ScalarNode): boolean => isPlain && NULL.test(text)

/** Returns the boolean that a scalar means in YAML 1.1 or 1.2; `undefined` if it means none. */
export function booleanOf({ isPlain, text }: ScalarNode): boolean | undefined {
  return isPlain ? BOOLEANS[text.toLowerCase()] : undefined
}

/**
 * Returns the number that a scalar means; `undefined` if it means none. Accepts `100_000` and `08080`. Numbers that YAML 1.1
 * and 1.2 read differently are ambiguous.
 */
export function numberOf({ text, isPlain }: ScalarNode): number | Ambiguous | undefined {
  if (!isPlain && !/^\d+$/.test(text)) return undefined
  if (OCTAL.test(text) && !/[89.eE]/.test(text)) return octalOrDecimal(text)
  if (BASE_60.test(text)) return minutesOrHours(text)
  if (DECIMAL.test(text) && !text.endsWith('_')) return Number(text.replaceAll('_', ''))
  return OTHER_BASE.test(text) ? Number(text.replaceAll('_', '').replace(/^\+/, '')) : undefined
}

function octalOrDecimal(text: string): Ambiguous {
  const digits = text.replaceAll('_', '')
  const [ten, eight] = [Number.parseInt(digits, 10), Number.parseInt(digits, 8)]
  const reason = `'${text}' is ${eight} in YAML 1.1 and ${ten} in YAML 1.2; write ${ten} or ${eight}`
  return new Ambiguous(reason, [ten, eight])
}

/** Base 60: YAML 1.1 reads '1:30' as 90. */
function minutesOrHours(text: string): Ambiguous {
  const reason = `'${text}' can mean minutes and seconds, or hours and minutes; write a unit, such as '90s' or '90m'`
  const parts = text.replaceAll('_', '').split(':').map(Number)
  const minutes = parts.reduce((sum, part) => sum * 60 + part, 0)
  return new Ambiguous(reason, [minutes, minutes * 60])
}

/** Returns the most likely meaning of a scalar: null, a boolean, a number or a string. */
export function meaningOf(node: ScalarNode): null | boolean | number | string | Ambiguous {
  if (isNull(node)) return null
  return booleanOf(node) ?? numberOf(node) ?? node.text
}

/** Returns all possible meanings of a scalar, the string first. */
export function meaningsOf(node: ScalarNode): readonly unknown[] {
  if (isNull(node)) return [null]
  return [node.text, booleanOf(node), numberOf(node)].filter((meaning) => meaning !== undefined)
}

/** Returns the string that a scalar means, as it is written; null and the empty string are invalid. */
export const stringOf = (node: ScalarNode): string | typeof INVALID =>
  isNull(node) || node.text === '' ? INVALID : node.text

/** Shows a node in a message, so that a person recognises it. */
export function showNode(value: Tree): string {
  if (value instanceof ScalarNode) {
    const text = value.text.length > 60 ? `${value.text.slice(0, 60)}…` : value.text
    if (!value.isPlain) return JSON.stringify(text)
    return isNull(value) ? 'null' : `'${text.replaceAll('\n', ' ')}'`
  }
  return value instanceof ListNode ? 'a list' : 'a map'
}
