import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { endDecoys, heirOf, newDecoy } from './decoys.ts'
import type { Luck } from './fault.ts'
import { type Host, removePlace, thePlace, untilNothingLives, untilTidy, withHost } from './hosts.ts'
import { childrenOf, someCount } from './kinds.ts'
import { shuffled } from './luck.ts'
import type { Noted } from './noted.ts'
import { bearing, kill, type Living, lives, living, pause, until, watchdogsOf } from './processes.ts'

const MOST_CHILDREN = 20

/**
 * Kills the watchdog of a host, or of one within it, at some moment of its starts. Resolves, with how long that took, when
 * the same host has another.
 */
async function killWatchdog(host: Host, luck: Luck, killed: Set<number>): Promise<number> {
  const next = (parent?: number): Living | undefined => {
    const all = living()
    const watchdogs = watchdogsOf(host.pid, all).filter((pid) => !killed.has(pid))
    return all.find((one) => watchdogs.includes(one.pid) && one.parent === (parent ?? one.parent))
  }
  await until(() => next() !== undefined, 'a watchdog')
  if (luck.random() < 0.7) await pause(luck.random() * 200)
  const watchdog = next()
  if (!watchdog) return 0
  const { pid, parent } = watchdog
  killed.add(pid)
  const since = performance.now()
  kill(pid)
  // Where the host within has gone meanwhile, nobody is left who would want another.
  await until(() => next(parent) !== undefined || !lives(parent), 'another watchdog')
  return performance.now() - since
}

function replaced(): Noted {
  let worst = 0
  return {
    name: 'the watchdog is killed by SIGKILL under load, and then the host',
    times: 100,
    short: 1,
    inject: async (luck) => {
      const children = childrenOf(luck, someCount(luck, MOST_CHILDREN), thePlace())
      return withHost({ children, options: { stopTimeout: 0.3 } }, async (host) => {
        const killed = new Set<number>()
        await host.begun
        for (let left = luck.int(1, 3); left > 0; left--) {
          worst = Math.max(worst, await killWatchdog(host, luck, killed))
        }
        await pause(luck.random() * 100)
        const watchdogs = watchdogsOf(host.pid)
        const since = performance.now()
        kill(host.pid)
        const ms = await untilNothingLives(host, since)
        await untilTidy(host, watchdogs)
        return ms
      })
    },
    note: () => `Another watchdog was there after ${Math.round(worst)} ms at worst.`,
    close: removePlace,
  }
}

interface Reaped {
  left: number
  decoys: number
  heirs: number
}

/** Kills a host that nobody watches over, and gives processes to the folder's next host that it must not touch. */
async function abandon(host: Host, luck: Luck, tally: Reaped): Promise<void> {
  const watchdogs = watchdogsOf(host.pid)
  for (const pid of [...watchdogs, host.pid]) kill(pid)
  await host.ended
  const leaders = bearing(host.mark).filter(({ pid, group }) => pid === group)
  for (const { pid } of shuffled(luck, leaders).slice(0, 1)) if (await heirOf(pid)) tally.heirs++
  tally.decoys += newDecoy() + newDecoy({ foreign: true })
  tally.left += bearing(host.mark).length
}

/** The next host of the same identity ends what it finds, and says so by removing the record of it. */
async function reapedBy(host: Host, runtimeDir: string, options: { id: string }): Promise<number> {
  return withHost({ children: [], options: { ...options, runtimeDir } }, async (next) => {
    await next.begun
    const ms = await untilNothingLives(host, performance.now())
    const records = (): string[] =>
      readdirSync(runtimeDir, { recursive: true })
        .map(String)
        .filter((file) => file.includes('.left-'))
    await until(() => records().length === 0, 'the end of the records of the dead host')
    next.order('exit')
    await next.ended
    return ms
  })
}

function reaped(): Noted {
  const tally: Reaped = { left: 0, decoys: 0, heirs: 0 }
  return {
    name: 'the host is killed by SIGKILL together with its watchdog, and the next host ends what was left',
    times: 100,
    short: 1,
    inject: async (luck) => {
      const children = childrenOf(luck, someCount(luck, MOST_CHILDREN), thePlace())
      const runtimeDir = mkdtempSync(path.join(os.tmpdir(), 'spinner-state-'))
      const options = { id: 'chaos', runtimeDir, stopTimeout: 0.3 }
      try {
        return await withHost({ children, options }, async (host) => {
          await host.begun
          await until(() => watchdogsOf(host.pid).length > 0, 'a watchdog')
          await pause(luck.random() * children.length * 20)
          await abandon(host, luck, tally)
          return reapedBy(host, runtimeDir, { id: 'chaos' })
        })
      } finally {
        rmSync(runtimeDir, { recursive: true, force: true })
        await endDecoys()
      }
    },
    note: () =>
      `${tally.left} processes were left and ended by the next host; none of ${tally.decoys + tally.heirs} others was hit, of which ${tally.heirs} had the number of a dead child.`,
    close: removePlace,
  }
}

export const watchdogFaults: readonly Noted[] = [replaced(), reaped()]
