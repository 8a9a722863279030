import { actions } from './actions.ts'
import type { Command, Pace, Setting } from './commands.ts'
import { difference, listDifference } from './compare.ts'
import { Stage } from './stage.ts'
import type { Happening } from './world.ts'

/** Where a process lives on and is looked at over and over, things never come to rest. */
const MOST_ROUNDS = 12
/** Longer than any wait that is left when a spinner has closed. */
const AFTERWARDS_MS = 60_000

/** What was asked for in a turn has reached the processes before something else does. */
const TO_PROCESSES: readonly Command['do'][] = ['crash', 'ignore', 'letGo']

/** Everything that needs nothing from outside has happened. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The product and the model differ. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch'
}

/** Plays commands to the product and to the model, and compares the two after each turn. Throws a `Mismatch`. */
export async function play(setting: Setting, commands: readonly Command[]): Promise<void> {
  const stage = new Stage(setting)
  const player = new Player(stage)
  for (const command of commands) {
    // Without a pause not even a promise may settle before the next command.
    const rest = player.begin(command)
    if (rest) await rest
  }
  await player.end()
}

class Player {
  readonly #stage: Stage
  /** The last command has not had a turn of the loop yet. */
  #isBehind = false
  #what = 'the beginning'

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** Does what a command says in this very turn; what follows from it is returned. */
  begin(command: Command): Promise<unknown> | null {
    this.#what = JSON.stringify(command)
    if (command.do === 'advance') return this.#advance(command.ms, command.pace)
    if (command.do === 'happen') return this.#happenOne(command.which, command.pace)
    if (this.#isBehind && TO_PROCESSES.includes(command.do))
      return this.#turn('turn').then(() => this.#act(command))
    return this.#act(command)
  }

  #act(command: Exclude<Command, { do: 'advance' | 'happen' }>): Promise<void> | null {
    actions[command.do](this.#stage, command as never)
    this.#isBehind = true
    return command.pace === 'none' ? null : this.#turn(command.pace)
  }

  /** Closes, lets go of what could not be killed, and sees that nothing is left. */
  async end(): Promise<void> {
    const { world, reference } = this.#stage
    world.refusesAddress.clear()
    await this.begin({ do: 'close', pace: 'turn' })
    // What is asked of a child while its spinner closes is refused.
    for (let child = 0; child < reference.children.size; child++) {
      await this.begin({ do: 'restart', child, by: 'handle', signal: 'none', pace: 'turn' })
      await this.begin({ do: 'acquire', child, by: 'handle', signal: 'none', pace: 'turn' })
    }
    for (let round = 0; round < 2; round++) {
      for (const process of [...world.processes, ...reference.processes]) process?.life.release()
      await this.#quiet()
      await this.#advance(AFTERWARDS_MS, 'quiet')
    }
    const left = leftOvers(this.#stage)
    if (left) throw new Mismatch(`after close(): ${left}`)
  }

  async #turn(pace: Pace): Promise<void> {
    if (this.#isBehind) {
      this.#isBehind = false
      await nextTurn()
      this.#stage.reference.settle()
      this.#compare()
    }
    if (pace === 'quiet') await this.#quiet()
    this.#fail(listDifference(this.#stage))
  }

  #compare(): void {
    this.#fail(difference(this.#stage))
  }

  #fail(differs: string | null): void {
    if (differs) throw new Mismatch(`after ${this.#what}: ${differs}`)
  }

  /** Whatever can happen outside happens, until nothing is left but time. */
  async #quiet(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const pending = this.#stage.world.pending()
      if (pending.length === 0) return
      for (const happening of pending) await this.#happen(happening)
    }
  }

  async #happenOne(which: number, pace: Pace): Promise<void> {
    await this.#turn('turn')
    const pending = this.#stage.world.pending()
    const happening = pending[which % pending.length]
    if (happening) await this.#happen(happening)
    await this.#turn(pace)
  }

  async #happen(happening: Happening): Promise<void> {
    const { reference, world } = this.#stage
    const { what, process } = happening
    const asker = world.allocations[process]?.child ?? ''
    const refused = what === 'allocated' && world.refusesAddress.has(asker)
    if (what === 'turn') await oneByOne(world.turns.splice(0))
    else if (what === 'lull') await oneByOne(world.pauses.splice(0))
    else if (what === 'allocated') world.answerAllocation(process)
    else if (what === 'obeys') world.obey(process)
    else if (what === 'spawnError') world.tellSpawnError(process)
    else if (what === 'exit') world.tellExit(process)
    else world.tellClose(process)
    await nextTurn()
    reference.happen(happening, refused)
    this.#compare()
  }

  /** Lets time pass, from one moment at which something is due to the next. */
  async #advance(ms: number, pace: Pace): Promise<void> {
    await this.#turn('turn')
    const { clock } = this.#stage.world
    const { time } = this.#stage.reference
    const until = time.now + ms
    for (;;) {
      const due = Math.min(clock.nextDue, time.nextDue)
      const moment = Math.min(due, until)
      clock.set(moment)
      time.now = moment
      if (due > until) break
      while (clock.fire()) await nextTurn()
      while (time.fire()) time.settle()
      this.#stage.reference.settle()
      this.#compare()
      if (pace === 'quiet') await this.#quiet()
    }
    this.#fail(listDifference(this.#stage))
  }
}

async function oneByOne(acts: readonly (() => void)[]): Promise<void> {
  for (const act of acts) {
    act()
    await nextTurn()
  }
}

/** What should not be there when all is over. */
function leftOvers({ reference, waits, world }: Stage): string | null {
  const open = waits.find(({ actual }) => actual === null)
  if (open) return `the ${open.what} never ends`
  const alive = world.processes.find(({ life, pid }) => pid !== undefined && life.group)
  if (alive) return `process ${alive.pid} of '${alive.child}' lives`
  if (world.clock.waiting > 0) return `${world.clock.waiting} timers wait`
  if (world.holds > 0) return 'the host is held'
  const stuck = [...reference.children.values()].find(
    ({ state }) => state !== 'stopped' && state !== 'faulted',
  )
  return stuck ? `'${stuck.name}' is ${stuck.state}` : null
}
