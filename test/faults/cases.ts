import { ERRNOS, formsOf } from './forms.ts'
import { judge } from './judge.ts'
import { type Scenario, scenarios } from './scenarios.ts'
import type { Injection } from './seams.ts'

export interface Case {
  readonly scenario: Scenario
  readonly injection: Injection
}

/** Each of the first FIRST calls of a function fails in turn. If there are more calls, SAMPLE random ones of the rest. */
const FIRST = 10
const SAMPLE = 5

export type Random = () => number

/** Returns a generator of random numbers >= 0 and < 1 (mulberry32). The same seed gives the same numbers. */
export function randomFrom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const nameOf = ({ scenario, injection: { errno, form, index, lasts, seam } }: Case): string =>
  `${scenario.name}: ${seam} #${index}${lasts ? ' and later' : ''} ${form}${form === 'denies' ? '' : ` ${errno}`}`

/** Counts the calls of each function in a scenario in which nothing fails. */
export async function count(scenario: Scenario): Promise<ReadonlyMap<string, number>> {
  const { broken, calls } = await judge(scenario, null)
  if (broken) throw new Error(`the scenario '${scenario.name}' fails without any fault: ${broken}`)
  return calls
}

/** Returns all cases: each scenario, function, call, form of failure and errno, for one call and for all later calls. */
export async function allCases(random: Random): Promise<Case[]> {
  const cases: Case[] = []
  const counted = await Promise.all(
    scenarios.map(async (scenario) => ({ scenario, seams: await count(scenario) })),
  )
  for (const { scenario, seams } of counted) {
    for (const [seam, calls] of seams) {
      const indexes = indexesOf(calls, random)
      cases.push(...casesOf(scenario, seam, indexes, false))
      // For lasting faults, choose the first call, one in the middle and the last.
      const some = new Set([indexes[0], indexes[indexes.length >> 1], indexes.at(-1)])
      cases.push(...casesOf(scenario, seam, [...some] as number[], true))
    }
  }
  return cases
}

function indexesOf(calls: number, random: Random): number[] {
  const indexes = new Set(Array.from({ length: Math.min(calls, FIRST) }, (_, i) => i + 1))
  const most = Math.min(calls, FIRST + SAMPLE)
  while (indexes.size < most) indexes.add(FIRST + 1 + Math.floor(random() * (calls - FIRST)))
  return [...indexes].sort((a, b) => a - b)
}

function casesOf(scenario: Scenario, seam: string, indexes: readonly number[], lasts: boolean): Case[] {
  return indexes.flatMap((index) =>
    formsOf(seam).flatMap((form) =>
      // The form `denies` has no errno.
      ERRNOS.slice(0, form === 'denies' ? 1 : undefined).map((errno) => ({
        scenario,
        injection: { seam, index, errno, form, lasts },
      })),
    ),
  )
}

export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}

/**
 * Returns a sample of the cases in which one call fails. In the sample each function fails in each of its forms, and each
 * errno and each scenario occurs.
 */
export function sampleOf(cases: readonly Case[], random: Random): Case[] {
  const met = new Set<string>()
  const single = cases.filter(({ injection }) => !injection.lasts)
  return shuffled(single, random).filter(({ scenario, injection: { errno, form, seam } }) => {
    const meets = [`${seam} ${form}`, scenario.name, errno].filter((what) => !met.has(what))
    for (const what of meets) met.add(what)
    return meets.length > 0
  })
}
