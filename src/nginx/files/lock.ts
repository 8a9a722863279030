import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { codeOf } from '../../errors.ts'
import { type Host, sharesNumbers, stillRuns, thisHost } from '../../linux/host-identity.ts'
import { invalid } from '../../options/read.ts'
import type { Sys } from '../../sys.ts'
import { temporaryNameOf } from './atomic-replace.ts'

/** Each turn but the last has seen somebody else come further. */
const MOST_TURNS = 100
/** A lock that nobody touches while we look so often, which takes five seconds, is that of a dead host. */
const SILENT_LOOKS = 50
const LOOK_MS = 100
const LOST = new Set(['EEXIST', 'ENOENT'])
const LINE = /^spinner-lock (\S+) (\S+) (\d+) (\d+) ([0-9a-f-]{36})\n$/

interface Holder {
  /** Of this very lock: no later one has it. */
  readonly key: string
  readonly touched: number
  /** Null when it is no lock of ours. */
  readonly host: Host | null
}

/**
 * Makes a file ours among all spinners, until the lock is released or lost. `link` gives a name to one host only. What
 * a dead host left is removed by whoever holds the lock of that very lock, after another look. Throws when it is, or
 * becomes, another living host's.
 */
export async function takeLock(sys: Sys, real: string): Promise<HeldLock> {
  const beside = temporaryNameOf(real)
  const name = `${beside}lock`
  const host = hostOf(sys)
  const uuid = randomUUID()
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    if (await link(sys, name, host, uuid)) {
      await tidy(sys, beside, name)
      return new HeldLock(sys, name, uuid)
    }
    const holder = await look(sys, name)
    if (holder) await clear(sys, { name, beside, real }, host, holder)
  }
  throw new Error(`'${name}' is changed by others all the time`)
}

/** Where there is no `/proc`, a number has to do. */
function hostOf(sys: Sys): Host {
  try {
    return thisHost(sys)
  } catch {
    return { boot: '-', namespace: '-', pid: sys.pid, start: 0 }
  }
}

async function link({ fs }: Sys, name: string, host: Host, uuid: string): Promise<boolean> {
  const fresh = `${name}-${randomUUID()}`
  const { boot, namespace, pid, start } = host
  await fs.promises.writeFile(fresh, `spinner-lock ${boot} ${namespace} ${pid} ${start} ${uuid}\n`, {
    flag: 'wx',
    mode: 0o644,
  })
  try {
    await fs.promises.link(fresh, name)
    return true
  } catch (thrown) {
    if (!LOST.has(codeOf(thrown) ?? '')) throw thrown
    return false
  } finally {
    await fs.promises.unlink(fresh).catch(() => {})
  }
}

async function look({ fs }: Sys, name: string): Promise<Holder | null> {
  try {
    const { ino, mtimeMs: touched } = await fs.promises.lstat(name)
    const [, boot = '', namespace = '', pid, start, uuid] =
      LINE.exec(await fs.promises.readFile(name, 'latin1')) ?? []
    if (!uuid) return { key: String(ino), touched, host: null }
    return { key: uuid, touched, host: { boot, namespace, pid: Number(pid), start: Number(start) } }
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return null
    throw thrown
  }
}

interface Place {
  readonly name: string
  readonly beside: string
  readonly real: string
}

/** Has a name freed of what a dead host left; not at once where others are at it. */
async function clear(sys: Sys, place: Place, host: Host, found: Holder): Promise<void> {
  const { name, beside } = place
  const { host: other } = found
  if (other) {
    const isNear = sharesNumbers(host, other)
    if (isNear ? isRunning(sys, host, other) : await isTouched(sys, name, found))
      throw inUse(place, other, host)
  }
  const lock = `${beside}lock-${found.key}`
  if (!(await link(sys, lock, host, randomUUID()))) {
    const holder = await look(sys, lock)
    if (holder) await clear(sys, { ...place, name: lock }, host, holder)
    return
  }
  try {
    const now = await look(sys, name)
    if (now?.key === found.key && now.touched === found.touched) await sys.fs.promises.unlink(name)
  } finally {
    await sys.fs.promises.unlink(lock).catch(() => {})
  }
}

function isRunning(sys: Sys, own: Host, other: Host): boolean {
  if (own.start > 0) return stillRuns(sys, other)
  try {
    sys.kill(other.pid, 0)
    return true
  } catch (thrown) {
    return codeOf(thrown) === 'EPERM'
  }
}

/** For a host whose number means nothing here. Looks are counted, and not time: a machine that slept, or a clock that was set, makes nobody dead. */
async function isTouched(sys: Sys, name: string, found: Holder): Promise<boolean> {
  for (let looks = 0; looks < SILENT_LOOKS; looks++) {
    await sys.pause(LOOK_MS)
    const now = await look(sys, name)
    if (now?.key !== found.key) return false
    if (now.touched !== found.touched) return true
  }
  return false
}

/** Who still looks at one of these is too late: it will find our lock and give up. */
async function tidy({ fs }: Sys, beside: string, name: string): Promise<void> {
  const folder = path.dirname(beside)
  const files = (await fs.promises.readdir(folder).catch(() => [])).map((file) => path.join(folder, file))
  for (const file of files)
    if (file.startsWith(beside) && file !== name) await fs.promises.unlink(file).catch(() => {})
}

function inUse({ real, name }: Place, other: Host, own: Host): Error {
  return invalid(
    [
      `\`file\` '${real}' is kept by ${whoIs(other, own)} ('${name}' says so); close that spinner first, or give another \`file\``,
    ],
    'nginx()',
  )
}

function whoIs(other: Host, own: Host): string {
  if (!sharesNumbers(own, other))
    return `process ${other.pid} of another container or machine, which still runs`
  return other.pid === own.pid ? 'another spinner of this process' : `process ${other.pid}, which still runs`
}

/** Hosts for whom our number means nothing see by this that we live. */
const BEAT_MS = 1_000

/** A lock that was taken. It may be lost: a host that stood still for long enough seems dead to others. */
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

  /** In this very turn: whoever closes a spinner may make the next one at once. */
  release(): void {
    const { clock, fs } = this.#sys
    this.#isReleased = true
    clock.clearTimeout(this.#timer)
    try {
      if (fs.readFileSync(this.#name, 'latin1').includes(this.#uuid)) fs.unlinkSync(this.#name)
    } catch {
      // What cannot be removed is found, and seen to be a dead host's, by the next one.
    }
  }

  #beatLater(): void {
    this.#timer = this.#sys.clock.setTimeout(() => void this.#beat(), BEAT_MS)
  }

  async #beat(): Promise<void> {
    const now = this.#sys.clock.date() / 1_000
    // What cannot be read or touched for once may be so the next time.
    if (!(await this.isOurs().catch(() => true))) return
    await this.#sys.fs.promises.utimes(this.#name, now, now).catch(() => {})
    if (!this.#isReleased) this.#beatLater()
  }
}
