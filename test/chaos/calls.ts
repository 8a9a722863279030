import { existsSync, readFileSync } from 'node:fs'
import type { Child, Lease, StartOptions } from '../../src/index.ts'
import { pause } from './processes.ts'
import { codeOf, describe, inTime, living, mustBeGone, mustHold, spawned, type World } from './world.ts'

const groupOf = (pid: number): number => {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[2],
    )
  } catch {
    return 0
  }
}

/** Polls the processes of the one child. The returned function throws if two were ever alive at once. */
function watch(world: World): () => void {
  let leader = 0
  let broken = ''
  const look = (): void => {
    const leaders = spawned(world)
    if (leaders.length > 1) broken ||= `two processes were alive at once: ${leaders.map(describe).join(', ')}`
    const [latest = 0] = leaders
    if (latest === leader || latest === 0) return
    leader = latest
    const others = living(world).filter((pid) => ![0, latest].includes(groupOf(pid)))
    if (others.length > 0) broken ||= `${others.join(', ')} of the process before ${latest} were still alive`
  }
  const timer = setInterval(look, 1)
  return () => {
    clearInterval(timer)
    look()
    mustHold(broken === '', broken)
  }
}

/** Makes calls on one child and records how each call ends. */
export class Calls {
  readonly world: World
  readonly child: Child
  readonly options: StartOptions
  readonly #leases: Lease[] = []
  readonly #outcomes: Promise<void>[] = []
  readonly #asked: string[] = []
  readonly #isOne: () => void

  constructor(world: World, options: StartOptions) {
    this.world = world
    this.options = options
    this.#isOne = watch(world)
    this.child = this.#start()
  }

  #start(): Child {
    const child = this.world.spinner.start(this.options)
    this.#expect('start', child, ['ERR_SPINNER_STOPPED'])
    return child
  }

  start(): void {
    this.#start()
  }

  stop(): void {
    this.#expect('stop', this.world.spinner.stop(this.child.name), [])
  }

  restart(): void {
    this.#expect('restart', this.world.spinner.restart(this.child.name), ['ERR_SPINNER_STOPPED'])
  }

  acquire(): void {
    const held = this.world.spinner.acquire(this.child.name).then((lease) => void this.#leases.push(lease))
    this.#expect('acquire', held, ['ERR_SPINNER_STOPPED'])
  }

  #expect(what: string, wait: PromiseLike<unknown>, allowed: readonly string[]): void {
    const nth = this.#asked.push(what)
    this.#outcomes.push(
      codeOf(wait).then((code) =>
        mustHold(code === null || allowed.includes(code), `${what}, call ${nth}, ended with ${code}`),
      ),
    )
  }

  /** Checks that all promises settle, that the state is that of the last call, and that a stop leaves nothing. */
  async end(): Promise<void> {
    const calls = `${this.#asked.join(', ')}: `
    const last = this.#asked.at(-1)
    await inTime(Promise.all(this.#outcomes), calls)
    this.#mustBe(last === 'stop' ? 'stopped' : 'started', calls)
    await pause(5)
    this.#mustBe(last === 'stop' ? 'stopped' : 'started', `${calls}a moment later, `)
    this.#isOne()
    for (const lease of this.#leases) lease.release()
    mustHold(this.child.info().leases === 0, `${calls}${this.child.info().leases} leases are left`)
    const { address } = this.child
    await inTime(this.child.stop(), 'the last stop')
    mustBeGone(this.world, `${calls}after the last stop`)
    mustHold(typeof address !== 'string' || !existsSync(address), `${calls}${address} is left`)
  }

  #mustBe(wanted: string, calls: string): void {
    const { state, pid } = this.child
    mustHold(state === wanted, `${calls}the child is ${state}, not ${wanted}`)
    const alive = spawned(this.world).join()
    mustHold(
      alive === (state === 'started' ? String(pid) : ''),
      `${calls}the child is ${state}, and '${alive}' is alive`,
    )
    if (state === 'stopped') mustBeGone(this.world, calls)
  }
}
