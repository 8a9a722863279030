import { expect, test } from 'vitest'
import { CoalescedRead } from '../../src/linux/coalesced-read.ts'
import { deferred } from '../../src/promises.ts'
import { realSys } from '../../src/sys.ts'
import { FakeClock, sysWith } from '../support/clock.ts'

/** A look that takes as long as the test says, and the pauses that were made between looks. */
function dear(
  ms: number,
  isBusy?: () => boolean,
): { take: () => Promise<number>; pauses: number[]; clock: FakeClock } {
  const clock = new FakeClock()
  const pauses: number[] = []
  const pause = async (rest: number): Promise<void> => {
    pauses.push(rest)
    await realSys.nextTurn()
  }
  let looks = 0
  const see = async (): Promise<number> => {
    await clock.advance(ms / 1_000)
    return ++looks
  }
  const look = new CoalescedRead(sysWith({ clock, pause }), see, isBusy)
  return { take: () => look.read(), pauses, clock }
}

test('a look is shared by all who ask before it begins, and by nobody who asks later', async () => {
  const { take } = dear(5)
  const first = [take(), take()]
  await Promise.resolve()
  await Promise.resolve()
  const waiting = [take(), take(), take()]
  expect(await Promise.all(first)).toEqual([1, 1])
  expect(await Promise.all(waiting)).toEqual([2, 2, 2])
  expect(await take()).toBe(3)
})

test('looks take up at most a third of the time, and none is put off for long', async () => {
  const quick = dear(5)
  await quick.take()
  await quick.take()
  expect(quick.pauses).toEqual([10])
  const heldUp = dear(30_000)
  await heldUp.take()
  await heldUp.take()
  expect(heldUp.pauses).toEqual([50])
})

test('looks are rarer while more who will ask are on their way', async () => {
  const { pauses, take } = dear(2, () => true)
  await take()
  await take()
  expect(pauses).toEqual([24])
})

test('a look that failed is no answer for the next one', async () => {
  const answer = deferred<never>()
  let looks = 0
  const look = new CoalescedRead(realSys, () => (looks++ === 0 ? answer.promise : 'seen'))
  const failed = look.read()
  answer.reject(new Error('no descriptors'))
  await expect(failed).rejects.toThrow('no descriptors')
  expect(await look.read()).toBe('seen')
})
