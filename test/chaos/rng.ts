import { createHash } from 'node:crypto'
import type { Rng } from './fault.ts'

/** Returns the random choices of one injection. They depend only on the seed, the name of the fault and the index. */
export function rngFor(seed: number, fault: string, index: number): Rng {
  const random = generator(`${seed}/${index}/${fault}`)
  const int = (min: number, max: number): number => min + Math.floor(random() * (max - min + 1))
  return { random, int, pick: (items) => items[int(0, items.length - 1)] as (typeof items)[number] }
}

/** Implements the generator sfc32 of the PractRand suite by Chris Doty-Humphrey. */
function generator(text: string): () => number {
  const start = createHash('sha256').update(text).digest()
  let [a, b, c] = [start.readInt32LE(0), start.readInt32LE(4), start.readInt32LE(8)]
  let counter = 1
  return () => {
    const sum = (a + b + counter++) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
}

/** Returns the items in random order. */
export function shuffled<Item>(rng: Rng, items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: rng.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item)
}
