import { hasNul, isFileUrl, show } from './parsers.ts'

/** Explains which part of an invalid value is wrong; returns `undefined` if the value is wrong as a whole. */
export type Explain = (value: unknown, key: string) => string | undefined

const WITH_NUL = ', which contains a NUL character'
const isText = (value: unknown): boolean => typeof value === 'string' && !hasNul(value)
const shown = (value: unknown): string =>
  `is ${show(value)}${typeof value === 'string' && hasNul(value) ? WITH_NUL : ''}`

/** Explains an array of which each item must be a string. */
export const explainStrings: Explain = (value, key) => {
  if (!Array.isArray(value)) return undefined
  const items = Array.from<unknown>(value)
  const index = items.findIndex((item) => !isText(item))
  return index < 0 ? undefined : `\`${key}[${index}]\` ${shown(items[index])}`
}

/** Explains an object of environment variables. */
export const explainVariables: Explain = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (Symbol.iterator in value) return 'it is iterable, such as a Map'
  for (const [name, entry] of Object.entries(value)) {
    if (name === '') return 'one of its names is empty'
    if (name.includes('=') || hasNul(name)) return `${show(name)} cannot be the name of a variable`
    const isGood = entry === null || ['undefined', 'number', 'boolean'].includes(typeof entry)
    if (!isGood && !isText(entry)) return `its ${show(name)} ${shown(entry)}`
  }
  return undefined
}

/** Explains a URL that was given instead of a path. */
export const explainScript: Explain = (value) =>
  isFileUrl(value) ? 'it is a URL; pass its path: fileURLToPath(url) of node:url returns it' : undefined
