import { ofSockets } from './compare-sockets.ts'
import type { Stage } from './stage.ts'
import { addressText } from './words.ts'

const BUSY = ['starting', 'stopping', 'restart']

/** Describes how the product differs from the model at this moment; `null` if it does not. */
export function difference(stage: Stage): string | null {
  const { reference, world } = stage
  if (world.violations.length > 0) return world.violations.join('; ')
  return (
    unequal('the list of spawns', world.spawns, reference.spawns) ??
    unequal('the list of released addresses', world.released, reference.released) ??
    ofChildren(stage) ??
    ofProcesses(stage) ??
    ofSockets(stage) ??
    ofWaits(stage) ??
    ofListeners(stage)
  )
}

/** Describes how `list()` differs from the model; `null` if it does not. */
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

function ofChildren({ childEvents, spinnerEvents, reference, spinner, world }: Stage): string | null {
  let busy = 0
  for (const [name, { address, shownProcess, state, trace }] of reference.children) {
    const child = spinner.child(name)
    if (BUSY.includes(state)) busy++
    const differs =
      unequal(`the list of events of the spinner for '${name}'`, spinnerEvents.get(name) ?? [], trace) ??
      unequal(`the list of events of '${name}'`, childEvents.get(name) ?? [], trace)
    if (differs) return differs
    const pid = shownProcess?.pid ?? null
    const where = addressText(child?.address ?? null)
    if (child?.state !== state || child.pid !== pid || where !== address)
      return `'${name}' is ${child?.state} with pid ${child?.pid} on ${where}, but should be ${state} with pid ${pid} on ${address}`
  }
  return world.holds === busy
    ? null
    : `the host is kept running ${world.holds} times for ${busy} busy children`
}

function ofProcesses({ reference, world }: Stage): string | null {
  for (const [place, process] of world.processes.entries()) {
    const expected = reference.processes[place]
    const differs = unequal(
      `the list of signals to ${process.pid}`,
      process.groupState.signals,
      expected?.groupState.signals ?? [],
    )
    if (differs) return differs
  }
  return null
}

function ofWaits({ waits }: Stage): string | null {
  for (const { actual, expected, what } of waits) {
    if (actual !== expected.result)
      return `the ${what} ended with ${actual}, but should have ended with ${expected.result} (null: not yet)`
  }
  return null
}

function ofListeners({ logged, thrown }: Stage): string | null {
  return logged === thrown ? null : `${thrown} listeners threw, but the log has ${logged} lines about that`
}

function unequal<Item>(what: string, is: readonly Item[], should: readonly Item[]): string | null {
  if (is.length === should.length && (is.length === 0 || is.every((item, index) => item === should[index])))
    return null
  const from = Math.max(0, is.findIndex((item, index) => item !== should[index]) - 2)
  return `${what} differs: ${JSON.stringify(is.slice(from))}, but should be ${JSON.stringify(should.slice(from))}`
}
