import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { belongings, leaderOf } from '../../src/linux/process-tree.ts'
import type { ProcessUsage } from '../../src/linux/usage.ts'

type Told = readonly [pid: number, ppid: number, pgrp: number]

const tableOf = (told: readonly Told[]): Map<number, ProcessUsage> =>
  new Map(told.map(([pid, ppid, pgrp]) => [pid, { pid, ppid, pgrp, start: pid, ticks: 0, pages: 1 }]))

const sorted = (found: ReadonlyMap<number, number>): number[][] => [...found].sort(([a], [b]) => a - b)

describe('a process belongs', () => {
  test.each<[string, readonly Told[], Record<number, number>, number[][]]>([
    [
      'to the leader whose group it is in, even if its parent has ended',
      [
        [10, 1, 10],
        [11, 10, 10],
        [12, 1, 10],
      ],
      {},
      [
        [10, 10],
        [11, 10],
        [12, 10],
      ],
    ],
    [
      'to the leader from whom it descends, whatever its group',
      [
        [10, 1, 10],
        [11, 10, 11],
        [12, 11, 12],
      ],
      {},
      [
        [10, 10],
        [11, 10],
        [12, 10],
      ],
    ],
    [
      'to the leader of its group before that of its parent',
      [
        [10, 1, 10],
        [20, 10, 20],
        [21, 10, 20],
      ],
      {},
      [
        [10, 10],
        [20, 20],
        [21, 20],
      ],
    ],
    [
      'to whom it is known to, and so do those who descend from it',
      [
        [10, 1, 10],
        [30, 1, 30],
        [31, 30, 30],
      ],
      { 30: 10 },
      [
        [10, 10],
        [30, 10],
        [31, 10],
      ],
    ],
    [
      'to nobody else',
      [
        [10, 1, 10],
        [1, 0, 1],
        [2, 1, 2],
        [3, 2, 2],
      ],
      {},
      [[10, 10]],
    ],
    [
      'to nobody when it is its own ancestor',
      [
        [5, 6, 5],
        [6, 5, 6],
        [10, 1, 10],
      ],
      {},
      [[10, 10]],
    ],
  ])('%s', (_what, told, known, expected) => {
    const owners = belongings(
      tableOf(told),
      new Set([10, 20]),
      new Map(Object.entries(known).map(([pid, to]) => [Number(pid), to])),
    )
    expect(sorted(owners)).toEqual(expected)
  })

  test('as a walk from each process up says, whatever the table', () => {
    const pid = fc.integer({ min: 1, max: 12 })
    const rows = fc.uniqueArray(fc.tuple(pid, pid, pid), { selector: ([own]) => own })
    fc.assert(
      fc.property(rows, (told) => {
        const table = tableOf(told)
        const leaders = new Set([3, 7])
        const walk = (at: ProcessUsage | undefined, seen: readonly number[] = []): number | undefined => {
          if (!at || seen.includes(at.pid)) return undefined
          return leaders.has(at.pgrp) ? at.pgrp : walk(table.get(at.ppid), [...seen, at.pid])
        }
        const expected = [...table.values()].flatMap((usage) => {
          const owner = walk(usage)
          return owner === undefined ? [] : [[usage.pid, owner]]
        })
        expect(sorted(belongings(table, leaders, new Map()))).toEqual(
          expected.sort(([a], [b]) => (a as number) - (b as number)),
        )
      }),
    )
  })
})

test('a mark is that of a leader when it is the same, or was made within it', () => {
  const leaders = new Map([
    ['u.1', 10],
    ['u.12', 20],
    ['outer.3/u.2', 30],
  ])
  expect(leaderOf('u.1', leaders)).toBe(10)
  expect(leaderOf('u.12', leaders)).toBe(20)
  expect(leaderOf('u.1/v.7/w.9', leaders)).toBe(10)
  expect(leaderOf('u:1/watchdog', leaders)).toBe(10)
  expect(leaderOf('outer.3/u.2', leaders)).toBe(30)
  for (const other of ['', 'u', 'u.11', 'u.1x', 'outer.3', 'v.1/u.1'])
    expect(leaderOf(other, leaders), other).toBeUndefined()
})
