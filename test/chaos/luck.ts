import { createHash } from 'node:crypto'
import type { Luck } from './fault.ts'

/** The luck of one injection: the same for the same seed, fault and index, whatever ran before it. */
export function luckOf(seed: number, fault: string, index: number): Luck {
  const random = generator(`${seed}/${index}/${fault}`)
  const int = (min: number, max: number): number => min + Math.floor(random() * (max - min + 1))
  return { random, int, pick: (items) => items[int(0, items.length - 1)] as (typeof items)[number] }
}

/** The generator sfc32, from the PractRand suite of Chris Doty-Humphrey. */
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

/** The items in another order. */
export function shuffled<Item>(luck: Luck, items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: luck.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item)
}
