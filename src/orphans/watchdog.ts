import type { ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'
import { COOKIE, type Cookies } from '../linux/cookie.ts'
import { seesProcesses } from '../linux/processes.ts'
import type { Sys } from '../sys.ts'
import { WATCHDOG_SCRIPT } from './watchdog-script.ts'

/** One that does not live longer is not brought back at once: a host would do nothing else. */
const REPLACED_AFTER_MS = 100
/** Each line wakes the shell, and with many children that is the dearest part of a start: lines go out together. */
const TOLD_TOGETHER_MS = 10

/**
 * One small shell for each spinner, started before its first child and gone with its close. It ends the children of
 * a host that could not do it itself: one that got SIGKILL, crashed, or was ended by a signal it does not handle.
 */
export class Watchdog {
  readonly #sys: Sys
  readonly #marks: Cookies
  readonly #groups = new Set<number>()
  /** The folders that go with the host, by the letter that tells the shell what each is. */
  readonly #folders = new Map<'c' | 'd', string>()
  #untold: string[] = []
  #isCollecting = false
  #shell: ChildProcess | null = null
  #wokenAt = 0
  #closed = false

  constructor(sys: Sys, marks: Cookies) {
    this.#sys = sys
    this.#marks = marks
  }

  /** The folder of the sockets, when it was made for this host: it goes with the host. */
  keepTidy(folder: string): void {
    this.#keep('d', folder)
  }

  /** The folder of the cgroups: what lives there goes with the host too. */
  keepEmpty(folder: string): void {
    this.#keep('c', folder)
  }

  /** Before a child is spawned: from now on the host may die at any moment. */
  wake(): void {
    if (this.#shell || this.#closed || this.#sys.platform === 'win32') return
    try {
      this.#shell = this.#spawn()
      this.#wokenAt = this.#sys.clock.now()
    } catch {
      // Out of processes or descriptors: the next start tries again, and fails with a clear error of its own.
      return
    }
  }

  /** A group of ours lives. Returns what says that it is gone. */
  guard(group: number): () => void {
    this.#groups.add(group)
    if (this.#shell) this.#tellSoon(`+${group}`)
    else this.wake()
    return () => {
      if (this.#groups.delete(group)) this.#tellSoon(`-${group}`)
    }
  }

  /** What the shell reads, for a launcher that tells it of its own group. */
  get pipe(): Writable | null {
    const stdin = this.#shell?.stdin
    return stdin?.writable ? stdin : null
  }

  close(): void {
    this.#closed = true
    this.#tell(...(this.#groups.size === 0 ? ['q'] : []))
    this.#shell?.stdin?.end()
    this.#shell = null
  }

  #keep(letter: 'c' | 'd', folder: string): void {
    if (folder === this.#folders.get(letter) || folder.includes('\n')) return
    this.#folders.set(letter, folder)
    this.#tell(`${letter}${folder}`)
  }

  #spawn(): ChildProcess {
    // What it needs is there even if the host's own PATH is empty.
    const PATH = [this.#sys.env['PATH'] ?? '', '/usr/bin', '/bin'].filter((part) => part !== '').join(':')
    const env = { PATH, ...this.#marks.watchdog }
    // What it must know from its first moment on: the host may not live to write it.
    const folders = [...this.#folders].map(([letter, folder]) => `${letter}${folder}`)
    const groups = [...this.#groups].map((group) => `+${group}`)
    // A session of its own, so that what the terminal sends to the host does not reach it.
    const cookie = `${COOKIE}=${this.#marks.uuid}`
    const shell = this.#sys.spawn('/bin/sh', ['-c', WATCHDOG_SCRIPT, cookie, ...folders, ...groups], {
      detached: true,
      env,
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const onEnd = (): void => this.#onEnd(shell)
    shell.once('error', onEnd)
    shell.once('exit', onEnd)
    shell.stdin?.on('error', () => {})
    shell.unref()
    ;(shell.stdin as { unref?: () => void } | null)?.unref?.()
    return shell
  }

  /** Somebody killed it: another takes its place and learns of all groups. */
  #onEnd(shell: ChildProcess): void {
    if (this.#shell !== shell) return
    this.#shell = null
    if (shell.pid === undefined) return
    const lived = this.#sys.clock.now() - this.#wokenAt
    const rest = lived < REPLACED_AFTER_MS ? this.#sys.pause(REPLACED_AFTER_MS) : Promise.resolve()
    void rest.then(() => {
      if (this.#groups.size > 0) this.wake()
    })
  }

  /** The first at once, since the loop may stand still from now on; until the others are told their marks tell. */
  #tellSoon(line: string): void {
    this.#untold.push(line)
    if (!seesProcesses(this.#sys)) this.#tell()
    else if (!this.#isCollecting) void this.#tellTogether()
  }

  async #tellTogether(): Promise<void> {
    this.#isCollecting = true
    while (this.#untold.length > 0) {
      this.#tell()
      await this.#sys.pause(TOLD_TOGETHER_MS)
    }
    this.#isCollecting = false
  }

  #tell(...lines: string[]): void {
    const told = [...this.#untold, ...lines]
    this.#untold = []
    const stdin = this.#shell?.stdin
    if (told.length > 0 && stdin?.writable) stdin.write(`${told.join('\n')}\n`)
  }
}
