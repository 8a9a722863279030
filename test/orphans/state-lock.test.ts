import { type ChildProcess, fork } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { identifyHost } from '../../src/linux/host-identity.ts'
import { StateFile } from '../../src/orphans/state-file.ts'
import { stateHeader } from '../../src/orphans/state-format.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { fixture, newFolder, next } from '../support/host.ts'
import { install } from '../support/installed.ts'
import { Machine } from '../support/machine.ts'

const uuidOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const FIRST = 101
/** With three hosts only a part of all pairs of calls is tried, so that a run takes seconds. */
const STRIDES = [3, 4] as const

const CALLS = [
  'closeSync',
  'fstatSync',
  'linkSync',
  'lstatSync',
  'openSync',
  'readSync',
  'readdirSync',
  'renameSync',
  'unlinkSync',
  'writeSync',
] as const

/** What a host finds: how it came to be there, which uuids it leaves, and how many files are put aside. */
interface Scene {
  readonly plant: (file: string, head: (pid: number) => string) => void
  readonly left: readonly number[]
  readonly aside: number
}

const SCENES: Readonly<Record<string, Scene>> = {
  nothing: { plant: () => {}, left: [], aside: 0 },
  'a dead host': { plant: (file, head) => fs.writeFileSync(file, head(50)), left: [50], aside: 0 },
  'a foreign file': { plant: (file) => fs.writeFileSync(file, 'foreign\n'), left: [], aside: 1 },
  'a dead host and the lock of a dead taker': {
    plant: (file, head) => {
      fs.writeFileSync(file, head(50))
      fs.writeFileSync(`${file}.lock-${uuidOf(50)}`, head(60))
      fs.writeFileSync(`${file}.new-${uuidOf(60)}`, 'cut of')
    },
    left: [50],
    aside: 0,
  },
  'a dead host and what a dead taker had taken': {
    plant: (file, head) => {
      fs.writeFileSync(`${file}.left-${uuidOf(50)}`, head(50))
      fs.writeFileSync(file, head(60))
    },
    left: [50, 60],
    aside: 0,
  },
}

/** Hosts that claim one file, each of which may be interrupted before any call that it makes. */
class Round {
  readonly machine = new Machine()
  readonly won: { pid: number; left: readonly string[] }[] = []
  readonly refused: number[] = []
  readonly #scene: Scene
  readonly #folder: string
  readonly #descriptors = new Set<number>()

  constructor(scene: Scene, folder: string) {
    this.#scene = scene
    this.#folder = folder
    fs.mkdirSync(folder)
    scene.plant(path.join(folder, 'state'), (pid) => this.#head(pid))
  }

  /** Answers whether the host came as far as to be interrupted. `interrupt` may throw: then it is dead. */
  claim(pid: number, at = -1, interrupt: () => void = () => {}): boolean {
    let calls = 0
    let isDead = false
    const step = (): void => {
      if (isDead) throw new Error('dead')
      if (calls++ !== at) return
      try {
        interrupt()
      } catch (thrown) {
        isDead = true
        throw thrown
      }
    }
    const sys = this.machine.sysOf(pid, { fs: this.#stepping(step) })
    try {
      const state = StateFile.claim(sys, this.#folder, uuidOf(pid), () => {})
      if (state && !isDead) this.won.push({ pid, left: state.left.map(({ uuid }) => uuid) })
    } catch {
      this.refused.push(pid)
    }
    if (isDead) this.machine.processes.delete(pid)
    return calls > at
  }

  /** One has won: it is the one that the file names, and it has all that dead hosts left. */
  mustHaveOneWinner(claimants: number): void {
    for (const descriptor of this.#descriptors) fs.closeSync(descriptor)
    const names = fs.readdirSync(this.#folder).sort()
    const of = (kind: string): number => names.filter((name) => name.startsWith(`state.${kind}-`)).length
    const { left, aside } = this.#scene
    expect(this.won.length, `${this.won.length} winners, ${this.refused.length} refused`).toBe(1)
    const [winner] = this.won
    expect(this.refused).toHaveLength(claimants - 1)
    expect(fs.readFileSync(path.join(this.#folder, 'state'), 'latin1')).toBe(
      this.#head(winner?.pid as number),
    )
    for (const pid of left) expect(winner?.left.filter((uuid) => uuid === uuidOf(pid))).toHaveLength(1)
    expect(of('left')).toBe(winner?.left.length)
    expect(of('aside')).toBe(aside)
    expect([of('new'), of('lock')]).toEqual([0, 0])
    fs.rmSync(this.#folder, { recursive: true })
  }

  #head(pid: number): string {
    const { boot, namespace } = this.machine
    return stateHeader({ boot, namespace, pid, start: pid * 10 }, uuidOf(pid))
  }

  #stepping(step: () => void): Sys['fs'] {
    const stepping: Record<string, unknown> = { ...fs }
    for (const call of CALLS) {
      stepping[call] = (...given: never[]) => {
        step()
        const result = (fs[call] as (...given: never[]) => unknown)(...given)
        if (call === 'openSync') this.#descriptors.add(result as number)
        if (call === 'closeSync') this.#descriptors.delete(given[0] as unknown as number)
        return result
      }
    }
    return stepping as unknown as Sys['fs']
  }
}

const die = (): never => {
  throw new Error('dead')
}

describe.each(Object.entries(SCENES))('of hosts that find %s', (_name, scene) => {
  const folder = newFolderForAll()

  test('exactly one wins when another comes before any call of the first', () => {
    for (let at = 0, met = true; met; at++) {
      const round = new Round(scene, path.join(folder(), 'pair'))
      met = round.claim(FIRST, at, () => round.claim(FIRST + 1))
      round.mustHaveOneWinner(met ? 2 : 1)
      expect(at).toBeLessThan(200)
    }
  })

  test('exactly one wins when a second comes before any call of the first, and a third before any of that', () => {
    for (let at = 0, met = true; met; at += STRIDES[0]) {
      for (let within = at % STRIDES[1], metWithin = true; metWithin && met; within += STRIDES[1]) {
        const round = new Round(scene, path.join(folder(), 'three'))
        met = round.claim(FIRST, at, () => {
          metWithin = round.claim(FIRST + 1, within, () => round.claim(FIRST + 2))
        })
        round.mustHaveOneWinner(met ? (metWithin ? 3 : 2) : 1)
      }
    }
  })

  test('the second wins, and misses nothing, when the first dies before any of its calls', () => {
    for (let at = 0, met = true; met; at++) {
      const round = new Round(scene, path.join(folder(), 'death'))
      met = round.claim(FIRST, at, die)
      if (met) round.claim(FIRST + 1)
      // One that died in its tidying had won; nobody was told.
      round.mustHaveOneWinner(1)
    }
  })

  test('the third wins, and misses nothing, when the first two die before any of their calls', () => {
    for (let at = 0, met = true; met; at += STRIDES[0]) {
      for (let within = at % STRIDES[1], metWithin = true; metWithin && met; within += STRIDES[1]) {
        const round = new Round(scene, path.join(folder(), 'deaths'))
        met = round.claim(FIRST, at, die)
        if (met) metWithin = round.claim(FIRST + 1, within, die)
        if (met && metWithin) round.claim(FIRST + 2)
        round.mustHaveOneWinner(1)
      }
    }
  })
})

/** A folder that is there for all rounds of a test. */
function newFolderForAll(): () => string {
  let folder: string | null = null
  afterAll(() => folder && fs.rmSync(folder, { recursive: true, force: true }))
  return () => {
    folder ??= fs.mkdtempSync(path.join(realSys.tmpdir(), 'spinner-claim-'))
    return folder
  }
}

interface Outcome {
  readonly pid: number
  readonly left?: readonly string[]
  readonly refused?: string
}

describe.runIf(process.platform === 'linux')('eight processes that claim at once', () => {
  const HOSTS = 8
  const hosts: ChildProcess[] = []
  beforeAll(async () => {
    const sources = path.join(install(), 'node_modules/spinner/dist')
    const env = { ...process.env, SOURCES: sources }
    for (let count = 0; count < HOSTS; count++) hosts.push(fork(fixture('claims-a-state.mjs'), { env }))
    await Promise.all(hosts.map((host) => next(host, 'message')))
  })
  afterAll(async () => {
    const ends = hosts.map((host) => next(host, 'exit'))
    for (const host of hosts) host.kill('SIGKILL')
    await Promise.all(ends)
  })

  const claimAll = (folder: string): Promise<Outcome[]> => {
    const outcomes = hosts.map(async (host) => (await next(host, 'message'))[0] as Outcome)
    const at = Date.now() + 20
    for (const [index, host] of hosts.entries()) host.send({ folder, at, uuid: uuidOf(index) })
    return Promise.all(outcomes)
  }

  test.each(Array.from({ length: 20 }, (_, index) => index + 1))(
    'are one winner and seven who name it: round %i',
    async (round) => {
      const folder = newFolder()
      const file = path.join(folder, 'state')
      // Its start differs from that of whoever has the number now.
      const dead = (pid: number): string => stateHeader({ ...identifyHost(realSys), start: 1 }, uuidOf(pid))
      if (round % 4 !== 0) fs.writeFileSync(file, round % 4 === 1 ? 'foreign\n' : dead(900))
      if (round % 4 === 3) fs.writeFileSync(`${file}.lock-${uuidOf(900)}`, dead(901))
      const outcomes = await claimAll(folder)
      const winners = outcomes.filter(({ left }) => left)
      expect(winners).toHaveLength(1)
      expect(winners[0]?.left).toEqual(round % 4 > 1 ? [uuidOf(900)] : [])
      expect(fs.readFileSync(file, 'latin1')).toContain(` ${winners[0]?.pid} `)
      for (const { refused } of outcomes) if (refused) expect(refused).toContain('ERR_SPINNER_INVALID_OPTION')
      expect(outcomes.filter(({ refused }) => refused)).toHaveLength(HOSTS - 1)
    },
  )
})
