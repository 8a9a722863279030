import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { endDecoys, newDecoy, reusePidOf } from './decoys.ts'
import type { Rng } from './fault.ts'
import {
  type Host,
  installation,
  removeInstallation,
  untilNothingLives,
  untilTidy,
  withHost,
} from './hosts.ts'
import { childrenOf, someCount } from './kinds.ts'
import type { FaultWithNote } from './note.ts'
import { kill, type Living, lives, living, pause, processesWith, until, watchdogsOf } from './processes.ts'
import { shuffled } from './rng.ts'

const MOST_CHILDREN = 20

/**
 * Kills the watchdog of a host, or of a host inside it, at some moment of the starts. Resolves with the milliseconds until
 * the same host has another watchdog.
 */
async function killWatchdog(host: Host, rng: Rng, killed: Set<number>): Promise<number> {
  const next = (parent?: number): Living | undefined => {
    const all = living()
    const watchdogs = watchdogsOf(host.pid, all).filter((pid) => !killed.has(pid))
    return all.find((one) => watchdogs.includes(one.pid) && one.parent === (parent ?? one.parent))
  }
  await until(() => next() !== undefined, 'a watchdog')
  if (rng.random() < 0.7) await pause(rng.random() * 200)
  const watchdog = next()
  if (!watchdog) return 0
  const { pid, parent } = watchdog
  killed.add(pid)
  const since = performance.now()
  kill(pid)
  // A host inside the host may have exited meanwhile. Then it needs no other watchdog.
  await until(() => next(parent) !== undefined || !lives(parent), 'another watchdog')
  return performance.now() - since
}

function replaced(): FaultWithNote {
  let worst = 0
  return {
    name: 'the watchdog is killed by SIGKILL under load, and then the host',
    times: 100,
    short: 1,
    inject: async (rng) => {
      const children = childrenOf(rng, someCount(rng, MOST_CHILDREN), installation())
      return withHost({ children, options: { stopTimeout: 0.3 } }, async (host) => {
        const killed = new Set<number>()
        await host.begun
        for (let left = rng.int(1, 3); left > 0; left--) {
          worst = Math.max(worst, await killWatchdog(host, rng, killed))
        }
        await pause(rng.random() * 100)
        const watchdogs = watchdogsOf(host.pid)
        const since = performance.now()
        kill(host.pid)
        const ms = await untilNothingLives(host, since)
        await untilTidy(host, watchdogs)
        return ms
      })
    },
    note: () => `Another watchdog ran after ${Math.round(worst)} ms at worst.`,
    close: removeInstallation,
  }
}

interface Reaped {
  left: number
  decoys: number
  reused: number
}

/** Kills a host and its watchdogs, and starts unrelated processes that the next host must not end. */
async function abandon(host: Host, rng: Rng, tally: Reaped): Promise<void> {
  const watchdogs = watchdogsOf(host.pid)
  for (const pid of [...watchdogs, host.pid]) kill(pid)
  await host.ended
  const leaders = processesWith(host.mark).filter(({ pid, group }) => pid === group)
  for (const { pid } of shuffled(rng, leaders).slice(0, 1)) if (await reusePidOf(pid)) tally.reused++
  tally.decoys += newDecoy() + newDecoy({ foreign: true })
  tally.left += processesWith(host.mark).length
}

/** Starts the next host with the same id. It ends the remaining processes and then removes their record. */
async function reapedBy(host: Host, runtimeDir: string, options: { id: string }): Promise<number> {
  return withHost({ children: [], options: { ...options, runtimeDir } }, async (next) => {
    await next.begun
    const ms = await untilNothingLives(host, performance.now())
    const records = (): string[] =>
      readdirSync(runtimeDir, { recursive: true })
        .map(String)
        .filter((file) => file.includes('.left-'))
    await until(() => records().length === 0, 'the removal of the records of the dead host')
    next.order('exit')
    await next.ended
    return ms
  })
}

function reaped(): FaultWithNote {
  const tally: Reaped = { left: 0, decoys: 0, reused: 0 }
  return {
    name: 'the host is killed by SIGKILL together with its watchdog, and the next host ends the remaining processes',
    times: 100,
    short: 1,
    inject: async (rng) => {
      const children = childrenOf(rng, someCount(rng, MOST_CHILDREN), installation())
      const runtimeDir = mkdtempSync(path.join(os.tmpdir(), 'spinner-state-'))
      const options = { id: 'chaos', runtimeDir, stopTimeout: 0.3 }
      try {
        return await withHost({ children, options }, async (host) => {
          await host.begun
          await until(() => watchdogsOf(host.pid).length > 0, 'a watchdog')
          await pause(rng.random() * children.length * 20)
          await abandon(host, rng, tally)
          return reapedBy(host, runtimeDir, { id: 'chaos' })
        })
      } finally {
        rmSync(runtimeDir, { recursive: true, force: true })
        await endDecoys()
      }
    },
    note: () =>
      `The next host ended ${tally.left} remaining processes. None of ${tally.decoys + tally.reused} unrelated processes was hit; ${tally.reused} of these had the process id of a dead child.`,
    close: removeInstallation,
  }
}

export const watchdogFaults: readonly FaultWithNote[] = [replaced(), reaped()]
