import { guard } from './emitter.ts'
import type { Clock, Sys } from './sys.ts'
import type { Logger } from './types/options.ts'
import type { Callback } from './types/spinner.ts'

/** A promise and the functions that settle it. Its rejection never becomes an unhandled rejection. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>
  resolve(value: Value): void
  reject(reason: unknown): void
}

/** Creates a {@link Deferred}. */
export function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes
    reject = no
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}

/** Runs `action` and returns its promise. A rejection never becomes an unhandled rejection, but rejects each `await`. */
export function silenced<Value>(action: () => Promise<Value>): Promise<Value> {
  const promise = action()
  promise.catch(() => {})
  return promise
}

/** Returns a promise that settles like `promise`, or rejects when the signal is aborted. `promise` itself is not affected. */
export function untilAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (!signal) return promise
  const aborted = deferred<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  const either = Promise.race([aborted.promise, promise])
  const done = (): void => signal.removeEventListener('abort', onAbort)
  either.then(done, done)
  return either
}

/** Calls `callback` with the outcome of a promise, in a later turn. If it throws, writes one line to the logger. */
export function settleCallback<Value>(
  sys: Sys,
  logger: Logger | null,
  outcome: Promise<Value>,
  callback: Callback<Value> | undefined,
): void {
  if (!callback) return
  const call = (...args: Parameters<Callback<Value>>): void =>
    void sys.nextTurn().then(() => guard(() => callback(...args), logger, 'a callback'))
  outcome.then(
    (value) => call(null, value),
    (error: Error) => call(error),
  )
}

/**
 * Runs `action` with a time limit. Rejects if it takes longer than `seconds`, or with the signal's reason if the signal is
 * aborted. In both cases the signal of `action` is aborted, and its later outcome is ignored.
 */
export async function withTimeout<Value>(
  clock: Clock,
  seconds: number,
  signal: AbortSignal,
  action: (signal: AbortSignal) => Value | Promise<Value>,
): Promise<Value> {
  const timeout = new AbortController()
  const limit = deferred<never>()
  const timer = clock.setTimeout(() => {
    limit.reject(new Error(`it took longer than ${seconds} s`))
    timeout.abort()
  }, seconds * 1_000)
  try {
    const ended = Promise.resolve(action(AbortSignal.any([signal, timeout.signal])))
    return await untilAborted(Promise.race([ended, limit.promise]), signal)
  } finally {
    clock.clearTimeout(timer)
  }
}

/** Returns `thing` for one caller: the same object, but awaiting it gives `outcome`. */
export function withOutcome<Thing extends object>(thing: Thing, outcome: Promise<unknown>): Thing {
  outcome.catch(() => {})
  return new Proxy(thing, {
    get: (target, key) => {
      if (key === 'then' || key === 'catch' || key === 'finally') return outcome[key].bind(outcome)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
