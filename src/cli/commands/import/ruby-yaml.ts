import type { ScalarNode } from '../../config/nodes.ts'

/** A scalar as Ruby's YAML parser reads it. */
export type RubyValue = null | boolean | number | string

const FLOAT = /^[-+]?(?:\d[\d_,]*)?\.[\d.]*(?:[eE][-+]\d+)?$/
const SIXTIES = /^[-+]?[1-9][\d_]*(?::[0-5]?\d)+$/
const INTEGER = /^([-+]?)(0[xX][\da-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9]\d*)$/

/**
 * Reads a scalar as phantom-manager read it: with Ruby's parser, which follows YAML 1.1 with deviations, and then converts
 * strings of digits to numbers. So `100_000` and `100,000` are 100000, `0100` is 64, `08080` is 8080, and `1:30` is 5400.
 */
export function rubyValue({ text, isPlain }: ScalarNode): RubyValue {
  const value = isPlain ? plainValue(text) : text
  return typeof value === 'string' && /^\d+$/.test(value) ? Number.parseInt(value, 10) : value
}

function plainValue(text: string): RubyValue {
  if (text === '' || text === '~' || /^null$/i.test(text)) return null
  if (/^(?:yes|true|on)$/i.test(text)) return true
  if (/^(?:no|false|off)$/i.test(text)) return false
  if (SIXTIES.test(text)) return sixties(text)
  const bare = text.replace(/[,_]/g, '')
  if (FLOAT.test(text)) return /^[-+]?\d+\.\d+(?:[eE][-+]\d+)?$/.test(bare) ? Number(bare) : text
  return integer(bare) ?? text
}

/** Reads base 60. The first part counts as hours even if there are only two parts, as in Ruby. */
function sixties(text: string): number {
  const parts = text.split(':').map((part) => Number.parseInt(part, 10))
  return parts.reduce((sum, part, index) => sum + part * 60 ** Math.abs(index - 2), 0)
}

function integer(text: string): number | undefined {
  const match = INTEGER.exec(text)
  if (!match) return undefined
  const [, sign, digits = ''] = match
  const isOctal = /^0[0-7]/.test(digits)
  return (sign === '-' ? -1 : 1) * Number(isOctal ? `0o${digits.slice(1)}` : digits.toLowerCase())
}
