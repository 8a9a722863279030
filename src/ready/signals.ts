/** Tells values to a listener until the returned function is called. */
export type Source<Value> = (listener: (value: Value) => void) => () => void

/** Resolves at the first value that matches; rejects with the signal's reason when that comes first. */
export function first<Value>(
  source: Source<Value>,
  matches: (value: Value) => boolean,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = source((value) => {
      if (!matches(value)) return
      stop()
      resolve()
    })
    const onAbort = (): void => {
      stop()
      reject(signal.reason)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
