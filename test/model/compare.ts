import { ofSockets } from './compare-sockets.ts'
import type { Stage } from './stage.ts'
import { place } from './words.ts'

const BUSY = ['starting', 'stopping', 'restart']

/** What differs between the product and the model at this moment, in words; `null` when nothing does. */
export function difference(stage: Stage): string | null {
  const { reference, world } = stage
  if (world.violations.length > 0) return world.violations.join('; ')
  return (
    unequal('what was spawned', world.spawns, reference.spawns) ??
    unequal('what was released', world.released, reference.released) ??
    ofChildren(stage) ??
    ofProcesses(stage) ??
    ofSockets(stage) ??
    ofWaits(stage) ??
    ofListeners(stage)
  )
}

/** The same for what `list()` says. */
export function listDifference({ reference, spinner }: Stage): string | null {
  const list = spinner.list()
  const differs = unequal('the names in list()', Object.keys(list), [...reference.children.keys()])
  if (differs) return differs
  for (const [name, { crashes, leases, restarts, state }] of reference.children) {
    const info = list[name]
    const is = `${info?.state} with ${info?.leases} leases, ${info?.restarts} restarts, ${info?.crashes} crashes`
    const should = `${state} with ${leases} leases, ${restarts} restarts, ${crashes} crashes`
    if (is !== should) return `list() says '${name}' is ${is}, but should be ${should}`
  }
  return null
}

function ofChildren({ heard, heardOfAll, reference, spinner, world }: Stage): string | null {
  let busy = 0
  for (const [name, { address, main, state, trace }] of reference.children) {
    const child = spinner.child(name)
    if (BUSY.includes(state)) busy++
    const differs =
      unequal(`what the spinner told of '${name}'`, heardOfAll.get(name) ?? [], trace) ??
      unequal(`what '${name}' told`, heard.get(name) ?? [], trace)
    if (differs) return differs
    const pid = main?.pid ?? null
    const where = place(child?.address ?? null)
    if (child?.state !== state || child.pid !== pid || where !== address)
      return `'${name}' is ${child?.state} with pid ${child?.pid} on ${where}, but should be ${state} with pid ${pid} on ${address}`
  }
  return world.holds === busy ? null : `the host is held ${world.holds} times for ${busy} busy children`
}

function ofProcesses({ reference, world }: Stage): string | null {
  for (const [place, process] of world.processes.entries()) {
    const expected = reference.processes[place]
    const differs = unequal(
      `the signals to ${process.pid}`,
      process.life.signals,
      expected?.life.signals ?? [],
    )
    if (differs) return differs
  }
  return null
}

function ofWaits({ waits }: Stage): string | null {
  for (const { actual, expected, what } of waits) {
    if (actual !== expected.result)
      return `the ${what} ended with ${actual}, but should have with ${expected.result} (null: not yet)`
  }
  return null
}

function ofListeners({ logged, thrown }: Stage): string | null {
  return logged === thrown ? null : `${thrown} listeners threw, and ${logged} lines in the logger say so`
}

function unequal<Item>(what: string, is: readonly Item[], should: readonly Item[]): string | null {
  if (is.length === should.length && (is.length === 0 || is.every((item, index) => item === should[index])))
    return null
  const from = Math.max(0, is.findIndex((item, index) => item !== should[index]) - 2)
  return `${what} differs: ${JSON.stringify(is.slice(from))}, but should be ${JSON.stringify(should.slice(from))}`
}
