import { deferred, untilAborted } from '../promises.ts'
import type { Clock } from '../sys.ts'

/**
 * What `action` ends with, or a failure when that takes longer, or the signal's reason. Its own signal is aborted in both
 * cases; whatever it does afterwards moves nobody.
 */
export async function within<Value>(
  clock: Clock,
  seconds: number,
  signal: AbortSignal,
  action: (signal: AbortSignal) => Value | Promise<Value>,
): Promise<Value> {
  const late = new AbortController()
  const limit = deferred<never>()
  const timer = clock.setTimeout(() => {
    limit.reject(new Error(`it took longer than ${seconds} s`))
    late.abort()
  }, seconds * 1_000)
  try {
    const ended = Promise.resolve(action(AbortSignal.any([signal, late.signal])))
    return await untilAborted(Promise.race([ended, limit.promise]), signal)
  } finally {
    clock.clearTimeout(timer)
  }
}
