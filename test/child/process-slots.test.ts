import { expect, test } from 'vitest'
import type { Launch } from '../../src/child/launch.ts'
import { ProcessSlots } from '../../src/child/process-slots.ts'

/** A launch that was spawned, unless `pid` is null. */
const launch = (pid: number | null): Launch =>
  ({ pid, process: pid === null ? null : { pid, exit: null } }) as unknown as Launch

/** Slots in which a next process is placed beside one that serves. */
function replacing(nextPid: number | null): { slots: ProcessSlots; current: Launch; next: Launch } {
  const slots = new ProcessSlots()
  const [current, next] = [launch(1), launch(nextPid)]
  slots.place(current)
  slots.beginReplacement()
  slots.place(next)
  return { slots, current, next }
}

test('a process that is placed beside one that serves is the next one, and the latest', () => {
  const { slots, current, next } = replacing(2)
  expect(slots).toMatchObject({ current, next, previous: null, isReplacing: true, latest: next })
})

test('the next process takes the place of the current one, which is then the previous one', () => {
  const { slots, current, next } = replacing(2)
  slots.promote()
  slots.promote()
  expect(slots).toMatchObject({ current: next, next: null, previous: current, isReplacing: false })
})

test('a replacement that fails after its promotion gives the place back', () => {
  const { slots, current, next } = replacing(2)
  slots.promote()
  slots.fallBack()
  expect(slots).toMatchObject({ current, next, previous: null, isReplacing: true })
})

test('a next process that was never spawned leaves the current one as the process of the child', () => {
  const { slots, current } = replacing(null)
  slots.abandonReplacement()
  expect(slots).toMatchObject({ current, next: null, previous: null, isReplacing: false })
})

test('a process that ended by itself is still to be ended with all that it left', () => {
  const { slots, current, next } = replacing(2)
  slots.dropServing()
  expect(slots).toMatchObject({ current: next, previous: null, isCovered: false })
  expect(slots.all).toEqual([next, current])
})
