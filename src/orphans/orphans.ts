import type { Writable } from 'node:stream'
import type { Cookies } from '../linux/cookie.ts'
import { atExit } from '../process/exit-hook.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys } from '../sys.ts'
import { type Leftover, reap } from './reaper.ts'
import { StateFile } from './state-file.ts'
import { Watchdog } from './watchdog.ts'

/** Where it is written which processes there are, and whom to tell when it cannot be. */
export interface StateLocation {
  /** Only this user can write to it. */
  readonly folder: string
  readonly name: string
  readonly warn: (message: string) => void
}

/**
 * What is done about the children of a host that ends before them: an `exit` hook where it still runs code, a watchdog
 * where it does not, and a state file for the next host where the watchdog has died too.
 */
export class Orphans {
  readonly #watchdog: Watchdog
  readonly #state: StateFile | null
  readonly #reaped: Promise<void>

  /** Throws when a living host has the record. What a dead one left is asked to end in this very turn. */
  constructor(sys: Sys, marks: Cookies, record: StateLocation | null) {
    this.#watchdog = new Watchdog(sys, marks)
    this.#state = record && StateFile.claim(sys, record.folder, marks.uuid, record.warn, record.name)
    this.#reaped = record && this.#state ? reaped(sys, this.#state.left, record.warn) : Promise.resolve()
  }

  /** Before a spawn: resolves when nothing is left of an earlier host, and the watchdog is awake. */
  async ready(): Promise<void> {
    await this.#reaped
    this.#watchdog.wake()
  }

  /** The folder of the sockets, when it was made for this host: it goes with the host. */
  keepTidy(folder: string): void {
    this.#watchdog.keepTidy(folder)
  }

  /** The folder of the cgroups: what lives there is ended with the host, and it goes too. */
  keepEmpty(folder: string): void {
    this.#watchdog.keepEmpty(folder)
  }

  /** What the watchdog reads. */
  get watch(): Writable | null {
    return this.#watchdog.pipe
  }

  /** From its spawn on, whatever becomes of the host, somebody ends the process. */
  guard(process: ManagedProcess): void {
    const { pid } = process
    const done = [this.#watchdog.guard(pid), this.#state?.add(pid), atExit(() => process.killNow())]
    void process.whenGone().then(() => {
      for (const forget of done) forget?.()
    })
  }

  async close(): Promise<void> {
    await this.#reaped
    this.#watchdog.close()
    this.#state?.close()
  }
}

/** Until it is done it keeps the host alive: a program that has nothing else to do would leave them behind again. */
async function reaped(sys: Sys, left: readonly Leftover[], warn: StateLocation['warn']): Promise<void> {
  const letHostGo = left.length > 0 ? sys.hold() : () => {}
  await reap(sys, left, warn).finally(letHostGo)
}
