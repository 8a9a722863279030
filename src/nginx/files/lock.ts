import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { codeOf } from '../../errors.ts'
import { type LockCandidate, type LockFiles, takeFileLock } from '../../linux/file-lock.ts'
import {
  describeHost,
  type HostIdentity,
  identifyHost,
  isRunning,
  sharesPids,
} from '../../linux/host-identity.ts'
import { invalid } from '../../options/read.ts'
import type { Sys } from '../../sys.ts'
import { temporaryNameOf } from './atomic-replace.ts'

/** Looks, five seconds in all, without a sign of life after which the host of a lock is considered dead. */
const SILENT_LOOKS = 50
const LOOK_MS = 100
/** Hosts for which the pid of this one is not valid see by this sign of life that it runs. */
const BEAT_MS = 1_000
const LINE = /^spinner-lock (\S+) (\S+) (\d+) (\d+) ([0-9a-f-]{36})\n$/

interface Holder {
  /** Uuid of this very lock; no later lock has it. */
  readonly key: string
  readonly touched: number
  /** Null if the file is not a lock of spinner. */
  readonly host: HostIdentity | null
}

/**
 * Takes the lock of a file, which all spinners respect. Rejects if another living host has it, or gets it. A host that
 * stood still for five seconds can lose the lock to a host in another container or on another machine.
 */
export async function takeLock(sys: Sys, real: string): Promise<HeldLock> {
  const prefix = temporaryNameOf(real)
  const name = `${prefix}lock`
  const { uuid } = await takeFileLock(new NginxLockFiles(sys, real), name)
  await removeOthers(sys, prefix, name)
  return new HeldLock(sys, name, uuid)
}

/** Removes temporary files. A host that still looks at one of them is too late: it will find this lock and give up. */
async function removeOthers({ fs }: Sys, prefix: string, name: string): Promise<void> {
  const folder = path.dirname(prefix)
  const files = (await fs.promises.readdir(folder).catch(() => [])).map((file) => path.join(folder, file))
  for (const file of files)
    if (file.startsWith(prefix) && file !== name) await fs.promises.unlink(file).catch(() => {})
}

interface Candidate extends LockCandidate {
  readonly uuid: string
}

class NginxLockFiles implements LockFiles<Candidate, Holder> {
  readonly #sys: Sys
  readonly #real: string
  readonly #prefix: string
  readonly #host: HostIdentity

  constructor(sys: Sys, real: string) {
    this.#sys = sys
    this.#real = real
    this.#prefix = temporaryNameOf(real)
    this.#host = ownIdentity(sys)
  }

  async write(): Promise<Candidate> {
    const { boot, namespace, pid, start } = this.#host
    const uuid = randomUUID()
    const file = `${this.#prefix}lock-${randomUUID()}`
    const text = `spinner-lock ${boot} ${namespace} ${pid} ${start} ${uuid}\n`
    await this.#sys.fs.promises.writeFile(file, text, { flag: 'wx', mode: 0o644 })
    return { path: file, uuid }
  }

  close(): void {}

  async link(from: string, to: string): Promise<void> {
    await this.#sys.fs.promises.link(from, to)
  }

  async remove(file: string): Promise<void> {
    await this.#sys.fs.promises.unlink(file).catch(() => {})
  }

  async look(name: string): Promise<Holder | null> {
    const { promises } = this.#sys.fs
    try {
      const { ino, mtimeMs: touched } = await promises.lstat(name)
      const [, boot = '', namespace = '', pid, start, uuid] =
        LINE.exec(await promises.readFile(name, 'latin1')) ?? []
      if (!uuid) return { key: String(ino), touched, host: null }
      return { key: uuid, touched, host: { boot, namespace, pid: Number(pid), start: Number(start) } }
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return null
      throw thrown
    }
  }

  nameOfRemoval({ key }: Holder): string {
    return `${this.#prefix}lock-${key}`
  }

  async mustBeDead(name: string, holder: Holder): Promise<void> {
    const { host } = holder
    if (!host) return
    const isAlive = sharesPids(this.#host, host) ? this.#runs(host) : await this.#showsLife(name, holder)
    if (!isAlive) return
    const who = `${describeHost(host, this.#host)} ('${name}' says so)`
    const what = `\`file\` '${this.#real}' is kept by ${who}; close that spinner first, or give another \`file\``
    throw invalid([what], 'nginx()')
  }

  async clear(name: string): Promise<void> {
    await this.#sys.fs.promises.unlink(name)
  }

  #runs(host: HostIdentity): boolean {
    if (this.#host.start > 0) return isRunning(this.#sys, host)
    try {
      this.#sys.kill(host.pid, 0)
      return true
    } catch (thrown) {
      return codeOf(thrown) === 'EPERM'
    }
  }

  /**
   * Waits for a sign of life of a host whose pid is not valid here. Counts looks and not time, because a machine that slept, or
   * a clock that was set, must not make a host look dead.
   */
  async #showsLife(name: string, before: Holder): Promise<boolean> {
    for (let looks = 0; looks < SILENT_LOOKS; looks++) {
      await this.#sys.pause(LOOK_MS)
      const now = await this.look(name)
      if (now?.key !== before.key) return false
      if (now.touched !== before.touched) return true
    }
    return false
  }
}

/** Returns an identity by pid alone if there is no `/proc`. */
function ownIdentity(sys: Sys): HostIdentity {
  try {
    return identifyHost(sys)
  } catch {
    return { boot: '-', namespace: '-', pid: sys.pid, start: 0 }
  }
}

/** A lock that was taken. A host that stood still for too long may have lost it, see {@link takeLock}. */
export class HeldLock {
  readonly #sys: Sys
  readonly #name: string
  readonly #uuid: string
  #timer: unknown = null
  #isReleased = false

  constructor(sys: Sys, name: string, uuid: string) {
    this.#sys = sys
    this.#name = name
    this.#uuid = uuid
    this.#beatLater()
  }

  async isOurs(): Promise<boolean> {
    try {
      return (await this.#sys.fs.promises.readFile(this.#name, 'latin1')).includes(this.#uuid)
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return false
      throw thrown
    }
  }

  /** Releases the lock synchronously, because the caller may create the next spinner in the same turn. */
  release(): void {
    const { clock, fs } = this.#sys
    this.#isReleased = true
    clock.clearTimeout(this.#timer)
    try {
      if (fs.readFileSync(this.#name, 'latin1').includes(this.#uuid)) fs.unlinkSync(this.#name)
    } catch {
      // The next host finds a file that cannot be removed, and sees that its host has gone.
    }
  }

  #beatLater(): void {
    this.#timer = this.#sys.clock.setTimeout(() => void this.#beat(), BEAT_MS)
  }

  async #beat(): Promise<void> {
    const now = this.#sys.clock.date() / 1_000
    // If the file cannot be read or touched this time, the next beat may succeed.
    if (!(await this.isOurs().catch(() => true))) return
    await this.#sys.fs.promises.utimes(this.#name, now, now).catch(() => {})
    if (!this.#isReleased) this.#beatLater()
  }
}
