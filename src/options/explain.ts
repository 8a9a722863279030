import { hasNul, isFileUrl, show } from './parsers.ts'

/** Says which part of a wrong value is wrong, and how; `undefined` where it is wrong as a whole. */
export type Explain = (value: unknown, key: string) => string | undefined

const WITH_NUL = ', which has a NUL character in it'
const isText = (value: unknown): boolean => typeof value === 'string' && !hasNul(value)
const shown = (value: unknown): string =>
  `is ${show(value)}${typeof value === 'string' && hasNul(value) ? WITH_NUL : ''}`

/** A list of which each item must be a text. */
export const inTexts: Explain = (value, key) => {
  if (!Array.isArray(value)) return undefined
  const items = Array.from<unknown>(value)
  const index = items.findIndex((item) => !isText(item))
  return index < 0 ? undefined : `\`${key}[${index}]\` ${shown(items[index])}`
}

/** Variables by name. */
export const inVariables: Explain = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (Symbol.iterator in value) return 'it is a list, such as a Map'
  for (const [name, entry] of Object.entries(value)) {
    if (name === '') return 'one of its names is empty'
    if (name.includes('=') || hasNul(name)) return `${show(name)} cannot be the name of a variable`
    const isGood = entry === null || ['undefined', 'number', 'boolean'].includes(typeof entry)
    if (!isGood && !isText(entry)) return `its ${show(name)} ${shown(entry)}`
  }
  return undefined
}

/** One of the forms of `ready` that are objects. */
export const inReadiness: Explain = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const keys = Object.keys(value)
  if (keys.length !== 1) return `it has ${keys.length === 0 ? 'none of these keys' : 'more than one key'}`
  const [key = ''] = keys
  const given = (value as Record<string, unknown>)[key]
  if (key === 'output') return `its \`output\` is ${show(given)} and no pattern; write it as /…/`
  if (key !== 'http') return `it has ${show(key)}`
  if (typeof given !== 'string') return `its \`http\` is ${show(given)}`
  return `its \`http\` is ${show(given)}, ${given.startsWith('/') ? 'which has white space in it' : "which does not begin with '/'"}`
}

/** A URL in the place of a path. */
export const inScript: Explain = (value) =>
  isFileUrl(value) ? 'it is a URL; give its path, which fileURLToPath(url) of node:url says' : undefined
