import treeKill from 'tree-kill'
import { codeOf } from '../errors.ts'
import { isAlive, isSafeGroup, readStats, seesProcesses } from '../linux/processes.ts'
import type { Sys } from '../sys.ts'

/** Looks by `kill(-pgid, 0)` alone; after that a group of nothing but zombies must be told apart. */
const CHEAP_LOOKS = 3

/** Sends a signal to every process of a group. Answers whether the group still held anything. */
export function signalGroup(sys: Sys, pgid: number, signal: NodeJS.Signals | 0): boolean {
  return isSafeGroup(sys, pgid) && send(sys, -pgid, signal)
}

/** Sends a signal to the leader of a group alone. Only safe while Node has not reaped it. */
export function signalLeader(sys: Sys, pid: number, signal: NodeJS.Signals | 0): boolean {
  return isSafeGroup(sys, pid) && send(sys, pid, signal)
}

function send(sys: Sys, target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    sys.kill(target, signal)
    return true
  } catch (thrown) {
    const code = codeOf(thrown)
    // macOS answers EPERM for a group that holds only zombies; elsewhere it means alive and not ours to signal.
    return code !== 'ESRCH' && !(code === 'EPERM' && sys.platform === 'darwin')
  }
}

/** Windows has no groups: its own tool walks the tree. */
export function killTree(pid: number): void {
  treeKill(pid, 'SIGKILL', () => {})
}

/** Pids of the processes of a group that still live, zombies left out. */
export function membersOf(sys: Sys, pgid: number): number[] {
  if (!signalGroup(sys, pgid, 0)) return []
  if (!seesProcesses(sys)) return [pgid]
  try {
    return readStats(sys)
      .filter((stat) => stat.pgrp === pgid && isAlive(stat))
      .map((stat) => stat.pid)
  } catch {
    // Out of descriptors, say. What can be signalled counts as alive until we can look again.
    return [pgid]
  }
}

/**
 * Resolves when the group holds no living process: not at `exit`, and not at `close` (docs/hazards.md#h13).
 */
export async function whenEmpty(sys: Sys, pgid: number): Promise<void> {
  let look = 0
  for (const wait of pollDelays()) {
    if (!isOccupied(sys, pgid, look++)) return
    await sys.pause(wait)
  }
}

function isOccupied(sys: Sys, pgid: number, look: number): boolean {
  return look < CHEAP_LOOKS ? signalGroup(sys, pgid, 0) : membersOf(sys, pgid).length > 0
}

const FIRST_LOOK_MS = 1
const LONGEST_LOOK_MS = 50
/** What survives the kill is looked at ever more rarely: a look reads all of /proc. */
const RARE_LOOK_MS = 2_000
const LOOKS_UNTIL_RARE = 200

/** Milliseconds between one look at processes that are to end and the next, for as long as it takes. */
export function* pollDelays(): Generator<number, never> {
  let wait = FIRST_LOOK_MS
  for (let look = 1; ; look++) {
    yield wait
    wait = look < LOOKS_UNTIL_RARE ? Math.min(wait * 2, LONGEST_LOOK_MS) : RARE_LOOK_MS
  }
}
