import { SpinnerError } from '../errors.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys } from '../sys.ts'
import type { Child } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

/** What all children of one spinner share, as far as a check needs it. */
export interface CheckContext {
  readonly sys: Sys
}

/** What the ready-made checks use of a child besides its public interface. */
export interface CheckAccess {
  readonly context: CheckContext
  /** The options of the process that runs. */
  readonly settings: ChildSettings
  readonly process: ManagedProcess | null
  /** Spawns a program that belongs to the child and ends with it. */
  spawnHelper(settings: ChildSettings, signal: AbortSignal): Promise<ManagedProcess>
}

/** A child that lets the ready-made checks in. */
export interface CheckedChild extends Child {
  readonly checkAccess: CheckAccess
}

/** Gives a ready-made check what it needs of a child. Throws for anything that no spinner has made. */
export function accessOf(child: Child): CheckAccess {
  const { checkAccess } = child as Partial<CheckedChild>
  if (checkAccess) return checkAccess
  const message = 'A ready-made check runs on children of a spinner only; give it to the option `checks`.'
  throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message)
}
