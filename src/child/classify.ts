import { codeOf, isExhaustion, messageOf, SpinnerError } from '../errors.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import type { FailureKind } from './failures.ts'

const ADDRESS_TAKEN = /EADDRINUSE|address already in use/i
/** As Node says it. */
const TAKEN_PORT = /address already in use \S*:(\d+)$/i

/** What is known of the process that failed. */
export interface LastSeen {
  /** Where it was told to listen. */
  readonly bound: Address | null
  readonly lastWords: readonly string[]
}

/** What kind of failure an attempt was, and the error that stands for it. */
export function classify(
  thrown: unknown,
  settings: ChildSettings,
  attempts: number,
  { bound, lastWords }: LastSeen,
): { error: SpinnerError; kind: FailureKind } {
  // An error that was made for another child, or frozen, stays as it is beneath one of ours.
  const isOurs = thrown instanceof SpinnerError && thrown.child === settings.name && !Object.isFrozen(thrown)
  const error = isOurs ? thrown : wrapped(thrown, settings.name)
  Object.assign(error, { attempts })
  return { error, kind: kindOf(error, settings, { bound, lastWords }) }
}

function kindOf(error: SpinnerError, settings: ChildSettings, seen: LastSeen): FailureKind {
  if (isExhaustion(codeOf(error.cause))) return 'resource'
  const { listen } = settings
  const exchangeable = listen === 'port' || (typeof listen === 'object' && listen !== null)
  if (!exchangeable) return 'child'
  if (error.code === 'ERR_SPINNER_FOREIGN_LISTENER') return 'address'
  return error.code === 'ERR_SPINNER_EXITED' && isItsAddressTaken(seen) ? 'address' : 'child'
}

/** Another port does not help a program that wants one of its own choice. */
function isItsAddressTaken({ bound, lastWords }: LastSeen): boolean {
  const named = lastWords.flatMap((line) => TAKEN_PORT.exec(line)?.[1] ?? [])
  const isOther = named.length > 0 && !named.includes(String(bound))
  return !isOther && lastWords.some((line) => ADDRESS_TAKEN.test(line))
}

/** What an allocator or a `ready` function of the user's threw. */
const wrapped = (thrown: unknown, child: string): SpinnerError =>
  thrown instanceof SpinnerError && thrown.child === undefined
    ? new SpinnerError(thrown.code, thrown.message, { child, cause: thrown.cause ?? thrown })
    : new SpinnerError('ERR_SPINNER_NOT_READY', `'${child}' could not be made ready: ${messageOf(thrown)}`, {
        child,
        cause: thrown,
      })
