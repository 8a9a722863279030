import { isDeepStrictEqual } from 'node:util'
import { completeSettings, readCall } from '../../options/normalise.ts'
import { INVALID, type Parser } from '../../options/parsers.ts'
import { invalid } from '../../options/read.ts'
import type { ChildSettings } from '../../types/options.ts'
import type { Chooser, Destination } from '../options.ts'
import { targetName } from '../proxy/context.ts'

/** The options of a spinner, which its children have where they are given no others. */
export type Defaults = Readonly<Record<string, unknown>>

const NO_ADDRESS =
  "`to` is a child whose `listen` is null, so no request can reach it; let it listen on 'socket', or on 'port'"

/** Options of a child are checked now, by the rules of `start()`, rather than at the first request. */
export const destination =
  (defaults: Defaults): Parser =>
  (value) => {
    if (typeof value === 'function') return value
    if (typeof value === 'string') return value === '' ? INVALID : value
    if (completeSettings(readCall(value), defaults).listen === null) throw invalid([NO_ADDRESS])
    return value
  }

interface Led {
  readonly to: Destination | Chooser
}

/** A child is started with the options of the route that is asked first; so those that mean one must give it the same. */
export function mustAgree(routes: readonly Led[], defaults: Defaults): void {
  const first = new Map<string, number>()
  for (const [at, { to }] of routes.entries()) {
    if (typeof to !== 'object') continue
    const name = targetName(to)
    const before = first.get(name) ?? at
    first.set(name, before)
    const other = routes[before]?.to
    if (other === to) continue
    const option = differing(
      completeSettings(readCall(to), defaults),
      completeSettings(readCall(other), defaults),
    )
    if (option === undefined) continue
    const both = `\`routes[${before}]\` and \`routes[${at}]\` lead to one child, '${name}', each with another \`${option}\``
    throw invalid([`${both}; give one of them a \`name\` of its own`], 'createGateway()')
  }
}

const differing = (one: ChildSettings, other: ChildSettings): string | undefined =>
  Object.keys(one).find((key) => {
    const [value, its] = [one, other].map((settings) => settings[key as keyof ChildSettings])
    return !isDeepStrictEqual(value, its) && !(isOpaque(key, value) && isOpaque(key, its))
  })

const OPAQUE = new Set(['checks', 'logger', 'stderr', 'stdout'])

/** Of functions, and of what is made of them, it cannot be seen whether two do the same. */
const isOpaque = (key: string, value: unknown): boolean =>
  OPAQUE.has(key) ||
  typeof value === 'function' ||
  (key === 'listen' && typeof value === 'object' && value !== null)
