import { actions } from './actions.ts'
import type { Command, Pace, Setting } from './commands.ts'
import { difference, listDifference } from './compare.ts'
import { Stage } from './stage.ts'
import type { OutsideEvent } from './world.ts'

/** Limit of intervals, because spinner polls a surviving process without end. */
const MOST_ROUNDS = 12
/** Longer than any wait that may be left after the spinner has closed. */
const AFTERWARDS_MS = 60_000

/** Commands for processes. Earlier calls of the same turn reach the processes before these commands do. */
const TO_PROCESSES: readonly Command['do'][] = ['crash', 'ignore', 'letGo']

/** Waits until everything has happened that needs no event from outside. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Thrown if the product and the model differ. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch'
}

/** Applies commands to the product and to the model, and compares the two after each turn. Throws a `Mismatch`. */
export async function play(setting: Setting, commands: readonly Command[]): Promise<void> {
  const stage = new Stage(setting)
  const player = new Player(stage)
  for (const command of commands) {
    // With pace `none` not even a promise may settle before the next command, so do not await null.
    const rest = player.begin(command)
    if (rest) await rest
  }
  await player.end()
}

class Player {
  readonly #stage: Stage
  /** True if the last command has not had a turn of the event loop yet. */
  #isBehind = false
  #what = 'the beginning'

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** Applies a command in this turn. Returns a promise for the rest; `null` if there is none. */
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

  /** Closes the spinner, makes all processes killable and checks that nothing is left. */
  async end(): Promise<void> {
    const { world, reference } = this.#stage
    world.refusesAddress.clear()
    await this.begin({ do: 'close', pace: 'turn' })
    // A closing spinner rejects all calls on its children.
    for (let child = 0; child < reference.children.size; child++) {
      await this.begin({ do: 'restart', child, by: 'handle', signal: 'none', pace: 'turn' })
      await this.begin({ do: 'acquire', child, by: 'handle', signal: 'none', pace: 'turn' })
    }
    for (let round = 0; round < 2; round++) {
      for (const process of [...world.processes, ...reference.processes]) process?.groupState.release()
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

  /** Lets all outside events happen until only timers are left. */
  async #quiet(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const pending = this.#stage.world.pending()
      if (pending.length === 0) return
      for (const event of pending) await this.#happen(event)
    }
  }

  async #happenOne(which: number, pace: Pace): Promise<void> {
    await this.#turn('turn')
    const pending = this.#stage.world.pending()
    const event = pending[which % pending.length]
    if (event) await this.#happen(event)
    await this.#turn(pace)
  }

  async #happen(event: OutsideEvent): Promise<void> {
    const { reference, world } = this.#stage
    const { what, process } = event
    const asker = world.allocations[process]?.child ?? ''
    const refused = what === 'allocated' && world.refusesAddress.has(asker)
    if (what === 'turn') await oneByOne(world.turns.splice(0))
    else if (what === 'pause') await oneByOne(world.pauses.splice(0))
    else if (what === 'allocated') world.answerAllocation(process)
    else if (what === 'obeys') world.obey(process)
    else if (what === 'spawnError') world.tellSpawnError(process)
    else if (what === 'exit') world.tellExit(process)
    else world.tellClose(process)
    await nextTurn()
    reference.happen(event, refused)
    this.#compare()
  }

  /** Advances the time, from one due timer to the next. */
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

/** Describes what should not be left at the end; `null` if nothing is. */
function leftOvers({ reference, waits, world }: Stage): string | null {
  const open = waits.find(({ actual }) => actual === null)
  if (open) return `the ${open.what} never settles`
  const alive = world.processes.find(({ groupState, pid }) => pid !== undefined && groupState.group)
  if (alive) return `process ${alive.pid} of '${alive.child}' is alive`
  if (world.clock.waiting > 0) return `${world.clock.waiting} timers are left`
  if (world.holds > 0) return 'the host is kept running'
  const stuck = [...reference.children.values()].find(
    ({ state }) => state !== 'stopped' && state !== 'faulted',
  )
  return stuck ? `'${stuck.name}' is ${stuck.state}` : null
}
