import { SpinnerError } from '../errors.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys } from '../sys.ts'
import type { Child } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

/** Tools of a spinner that the built-in checks use. All its children share one such object. */
export interface CheckContext {
  readonly sys: Sys
}

/** Members of a child that the built-in checks use besides its public ones. */
export interface CheckAccess {
  readonly context: CheckContext
  /** Options of the running process. */
  readonly settings: ChildSettings
  readonly process: ManagedProcess | null
  /** Spawns a program that belongs to the child and is killed with it. */
  spawnHelper(settings: ChildSettings, signal: AbortSignal): Promise<ManagedProcess>
}

/** A child of this package, as the built-in checks see it. */
export interface CheckedChild extends Child {
  readonly checkAccess: CheckAccess
}

/** Returns what a built-in check needs of a child. Throws `ERR_SPINNER_INVALID_OPTION` for any other object. */
export function accessOf(child: Child): CheckAccess {
  const { checkAccess } = child as Partial<CheckedChild>
  if (checkAccess) return checkAccess
  const message = 'A built-in check runs only on children of a spinner; pass it to the option `checks`.'
  throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', message)
}
