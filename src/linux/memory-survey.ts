import type { Sys } from '../sys.ts'
import { COOKIE } from './cookie.ts'
import { belongings, leaderOf } from './process-tree.ts'
import { readPids, readVariable } from './processes.ts'
import { type ProcessUsage, readUnits, StatReader, type Units } from './usage.ts'

/** The first process of a child, and how those are found that left its group. */
export interface Leader {
  readonly pid: number
  readonly mark: string
  /** Pids of what is known to be its own whatever it is marked with. */
  housed(): readonly number[]
}

/** A child whose memory is asked for: of all its processes, or of the first alone. */
export interface Subject {
  readonly leader: Leader
  readonly tree: boolean
}

/** What the processes of a child use. */
export interface Sample {
  /** Bytes that are in memory. What processes share is counted for each of them. */
  readonly memory: number
  /** Percent of one core since the sample before; 0 in the first one. */
  readonly cpu: number
  readonly parts: readonly Part[]
}

/** One of its processes, and the bytes that it has in memory. */
export interface Part {
  readonly pid: number
  readonly memory: number
}

type Marks = Map<number, { readonly start: number; readonly mark: string | null }>

/** What was known of a child at the sample before. */
interface Past {
  readonly at: number
  readonly ticks: ReadonlyMap<number, number>
}

/** So many files are read in one turn of the loop; it is never held for more than a few milliseconds. */
const FILES_A_TURN = 50

/** Looks at all processes of the machine at once, for any number of children: a thousand cost one walk. Linux only. */
export class MemorySurvey {
  readonly #sys: Sys
  readonly #reader: StatReader
  readonly #past = new WeakMap<Leader, Past>()
  /** The marks of processes that belong to nobody by group or parent. A mark stays what it is. */
  #marks: Marks = new Map()
  #units: Units | null = null

  constructor(sys: Sys) {
    this.#sys = sys
    this.#reader = new StatReader(sys)
  }

  /** A sample of each subject, null where its first process is not there. Rejects where nothing can be seen. */
  async take(subjects: readonly Subject[]): Promise<(Sample | null)[]> {
    const trees = subjects.filter(({ tree }) => tree).map(({ leader }) => leader)
    const pids = trees.length > 0 ? readPids(this.#sys) : subjects.map(({ leader }) => leader.pid)
    const table = await this.#read(pids)
    const families = new Map<number, ProcessUsage[]>(trees.map(({ pid }) => [pid, []]))
    for (const [pid, owner] of await this.#owners(table, trees))
      families.get(owner)?.push(table.get(pid) as ProcessUsage)
    return subjects.map(({ leader, tree }) => {
      const first = table.get(leader.pid)
      if (!first) return null
      return this.#sum(leader, tree ? (families.get(leader.pid) ?? []) : [first])
    })
  }

  async #read(pids: readonly number[]): Promise<Map<number, ProcessUsage>> {
    const table = new Map<number, ProcessUsage>()
    await this.#inTurns(pids, (pid) => {
      const usage = this.#reader.read(pid)
      if (usage) table.set(pid, usage)
    })
    return table
  }

  async #owners(
    table: ReadonlyMap<number, ProcessUsage>,
    trees: readonly Leader[],
  ): Promise<Map<number, number>> {
    const leaders = new Set(trees.map(({ pid }) => pid))
    const known = new Map<number, number>()
    for (const leader of trees) for (const member of leader.housed()) known.set(member, leader.pid)
    const found = belongings(table, leaders, known)
    const rest = [...table.values()].filter(({ pages, pid }) => pages > 0 && !found.has(pid))
    const strays = await this.#marked(rest, trees)
    if (strays.size === 0) return found
    for (const [pid, leader] of strays) known.set(pid, leader)
    return belongings(table, leaders, known)
  }

  /** To whom those belong who carry a mark. */
  async #marked(usages: readonly ProcessUsage[], trees: readonly Leader[]): Promise<Map<number, number>> {
    const leaders = new Map(trees.map(({ mark, pid }) => [mark, pid]))
    const marks: Marks = new Map()
    const owners = new Map<number, number>()
    await this.#inTurns(usages, ({ pid, start }) => {
      const known = this.#marks.get(pid)
      const mark = known?.start === start ? known.mark : readVariable(this.#sys, pid, COOKIE)
      marks.set(pid, { start, mark })
      const leader = mark === null ? undefined : leaderOf(mark, leaders)
      if (leader !== undefined) owners.set(pid, leader)
    })
    this.#marks = marks
    return owners
  }

  #sum(leader: Leader, usages: readonly ProcessUsage[]): Sample {
    this.#units ??= readUnits(this.#sys)
    const { pageSize, ticksPerSecond } = this.#units
    const past = this.#past.get(leader)
    const at = this.#sys.clock.now()
    const ticks = new Map<number, number>()
    const parts: Part[] = []
    let [memory, worked] = [0, 0]
    for (const usage of usages) {
      if (usage.pages === 0) continue
      const part = { pid: usage.pid, memory: usage.pages * pageSize }
      parts.push(part)
      memory += part.memory
      ticks.set(usage.pid, usage.ticks)
      worked += Math.max(0, usage.ticks - (past?.ticks.get(usage.pid) ?? 0))
    }
    this.#past.set(leader, { at, ticks })
    const seconds = past ? (at - past.at) / 1_000 : 0
    return { memory, parts, cpu: seconds > 0 ? (worked / ticksPerSecond / seconds) * 100 : 0 }
  }

  async #inTurns<Item>(items: readonly Item[], visit: (item: Item) => void): Promise<void> {
    for (const [index, item] of items.entries()) {
      if (index > 0 && index % FILES_A_TURN === 0) await this.#sys.nextTurn()
      visit(item)
    }
  }
}
