import { byUsers } from './actions-of-users.ts'
import { byWorld } from './actions-of-world.ts'
import type { Command } from './commands.ts'
import type { Stage } from './stage.ts'

type Doing = Command['do']

export type Of<Do extends Doing> = Extract<Command, { do: Do }>

/** For each command, a function that applies it to the product and to the model in the same turn. */
export type Actions<Some extends Doing> = {
  readonly [Do in Some]: (stage: Stage, command: Of<Do>) => void
}

/** All commands that take one turn. play.ts handles the others. */
export const actions: Actions<Exclude<Doing, 'advance' | 'happen'>> = { ...byUsers, ...byWorld }
