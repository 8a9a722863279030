/** Passes values to a listener until the returned function is called. */
export type Subscribe<Value> = (listener: (value: Value) => void) => () => void

/** Resolves at the first value that matches; rejects with the signal's reason if it is aborted before. */
function firstMatch<Value>(
  source: Subscribe<Value>,
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

/** Resolves when the child sends `'ready'`, or an object whose `type` is `'ready'`, over IPC. */
export function whenMessage(onMessage: Subscribe<unknown>, signal: AbortSignal): Promise<void> {
  const isReady = (message: unknown): boolean =>
    message === 'ready' || (message as { type?: unknown } | null)?.type === 'ready'
  return firstMatch(onMessage, isReady, signal)
}

/** Resolves at the first line of stdout or stderr that the pattern matches. */
export function whenOutput(pattern: RegExp, onLine: Subscribe<string>, signal: AbortSignal): Promise<void> {
  // Copy the user's pattern without its flags g and y, which make a pattern remember its position between calls.
  const matcher = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return firstMatch(onLine, (line) => matcher.test(line), signal)
}
