import { expect, test } from 'vitest'
import { type Leave, StartGate } from '../../src/schedule/start-gate.ts'
import { FakeClock, sysWith } from '../support/clock.ts'
import { until } from '../support/host.ts'

interface Starts {
  readonly clock: FakeClock
  readonly gate: StartGate
  /** Functions with which the admitted starts leave, by name, in the order of their admission. */
  readonly inside: Map<string, Leave>
  enter(name: string, signal?: AbortSignal): Promise<void>
  /** Lets the event loop turn until all starts that may enter have entered. */
  turn(): Promise<void>
}

function gateWith(slots: number): Starts {
  const clock = new FakeClock()
  const sys = sysWith({ clock })
  const gate = new StartGate(sys, slots)
  const inside = new Map<string, Leave>()
  const enter = async (name: string, signal = new AbortController().signal): Promise<void> => {
    inside.set(name, await gate.enter(signal))
  }
  const turn = async (): Promise<void> => {
    for (let turns = 0; turns < 20; turns++) await sys.nextTurn()
  }
  return { clock, gate, inside, enter, turn }
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `child ${index}`)

test('H15 no more starts run at once than there are slots', async () => {
  const { enter, inside, turn } = gateWith(3)
  for (const name of names(10)) void enter(name)
  await turn()
  expect([...inside.keys()]).toEqual(names(3))
  inside.get('child 1')?.()
  await turn()
  expect([...inside.keys()]).toEqual(names(4))
})

test('a slot that is given back twice is used once', async () => {
  const { enter, inside, turn } = gateWith(1)
  for (const name of names(3)) void enter(name)
  await turn()
  const leave = inside.get('child 0') as Leave
  leave()
  leave()
  await turn()
  expect(inside.size).toBe(2)
})

test('H15 one start enters in each turn of the event loop', async () => {
  const { enter, inside } = gateWith(100)
  const enteredIn: number[] = []
  let turns = 0
  const count = (): void => {
    turns++
    if (inside.size < 10) setImmediate(count)
  }
  setImmediate(count)
  for (const name of names(10)) void enter(name).then(() => enteredIn.push(turns))
  await until(() => enteredIn.length === 10)
  expect(new Set(enteredIn).size).toBe(10)
})

test('starts enter in the order of their arrival, and a new one enters after the waiting ones', async () => {
  const { enter, inside, turn } = gateWith(1)
  for (const name of names(5)) void enter(name)
  await turn()
  for (const name of names(5)) {
    void enter(`${name} again`)
    expect([...inside.keys()].at(-1)).toBe(name)
    inside.get(name)?.()
    await turn()
  }
  expect([...inside.keys()]).toEqual([...names(5), 'child 0 again'])
})

test('an aborted start leaves the queue and does not delay the next one', async () => {
  const { enter, inside, turn } = gateWith(1)
  const aborter = new AbortController()
  void enter('first')
  const aborted = enter('second', aborter.signal)
  void enter('third')
  await turn()
  aborter.abort(new Error('changed my mind'))
  await expect(aborted).rejects.toThrow('changed my mind')
  inside.get('first')?.()
  await turn()
  expect([...inside.keys()]).toEqual(['first', 'third'])
})

test('a start that was aborted before does not enter, and one that is aborted inside keeps its slot', async () => {
  const { enter, inside, turn } = gateWith(1)
  await expect(enter('late', AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
  const aborter = new AbortController()
  void enter('first', aborter.signal)
  void enter('second')
  await turn()
  aborter.abort()
  await turn()
  expect([...inside.keys()]).toEqual(['first'])
})

test('a start that takes longer than a second passes its slot on, once', async () => {
  const { clock, enter, inside, turn } = gateWith(1)
  for (const name of names(3)) void enter(name)
  await turn()
  await clock.advance(0.999)
  await turn()
  expect(inside.size).toBe(1)
  await clock.advance(0.001)
  await until(() => inside.size === 2)
  inside.get('child 0')?.()
  await turn()
  expect(inside.size).toBe(2)
  for (const leave of inside.values()) leave()
  await until(() => inside.size === 3)
  inside.get('child 2')?.()
  expect(clock.waiting).toBe(0)
})
