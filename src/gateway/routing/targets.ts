import { isDeepStrictEqual } from 'node:util'
import { completeSettings, readCall } from '../../options/normalise.ts'
import { INVALID, type Parser } from '../../options/parsers.ts'
import { invalid } from '../../options/read.ts'
import type { ChildSettings } from '../../types/options.ts'
import type { Chooser, Destination } from '../options.ts'

/** The options of a spinner, which are the defaults of its children. */
export type Defaults = Readonly<Record<string, unknown>>

const NO_ADDRESS =
  "`to` is a child whose `listen` is null, so no request can reach it; set its `listen` to 'socket' or 'port'"

/** Returns a parser for `to`. It checks the options of a child by the rules of `start()`, before the first request. */
export const destinationParser =
  (defaults: Defaults): Parser =>
  (value) => {
    if (typeof value === 'function') return value
    if (typeof value === 'string') return value === '' ? INVALID : value
    if (completeSettings(readCall(value), defaults).listen === null) throw invalid([NO_ADDRESS])
    return value
  }

interface Target {
  readonly to: Destination | Chooser
}

/**
 * Throws if two routes give different options to one child, because the child would start with those of whichever
 * route gets the first request.
 */
export function requireSameOptions(routes: readonly Target[], defaults: Defaults): void {
  const firstByName = new Map<string, number>()
  for (const [at, { to }] of routes.entries()) {
    if (typeof to !== 'object') continue
    const name = targetName(to)
    const first = firstByName.get(name) ?? at
    firstByName.set(name, first)
    const other = routes[first]?.to
    if (other === to) continue
    const option = findDifference(
      completeSettings(readCall(to), defaults),
      completeSettings(readCall(other), defaults),
    )
    if (option === undefined) continue
    const both = `\`routes[${first}]\` and \`routes[${at}]\` give the child '${name}' different values of \`${option}\``
    throw invalid(
      [`${both}; use the same value, or give one of the children another \`name\``],
      'createGateway()',
    )
  }
}

/** Returns the name of an option that differs; undefined if there is none. */
const findDifference = (one: ChildSettings, other: ChildSettings): string | undefined =>
  Object.keys(one).find((key) => {
    const [a, b] = [one, other].map((settings) => settings[key as keyof ChildSettings])
    return !isDeepStrictEqual(a, b) && !(isOpaque(key, a) && isOpaque(key, b))
  })

const OPAQUE = new Set(['checks', 'logger', 'stderr', 'stdout'])

/** Returns true for functions and objects made of functions, which cannot be compared. */
const isOpaque = (key: string, value: unknown): boolean =>
  OPAQUE.has(key) ||
  typeof value === 'function' ||
  (key === 'listen' && typeof value === 'object' && value !== null)

/** Returns the name of the child that a destination stands for. */
export const targetName = (to: Destination): string =>
  typeof to === 'string' ? to : (to.name ?? to.script ?? '')
