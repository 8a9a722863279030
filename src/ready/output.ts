/** Tells lines of output to those who wait for one. */
export type OnLine = (listener: (line: string) => void) => () => void

/** Resolves at the first line, of stdout or stderr, that the pattern matches. */
export function whenOutput(pattern: RegExp, onLine: OnLine, signal: AbortSignal): Promise<void> {
  // A copy: the user's pattern may be sticky or global, and keep its place between calls.
  const matcher = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return new Promise((resolve, reject) => {
    const stop = onLine((line) => {
      if (!matcher.test(line)) return
      stop()
      resolve()
    })
    signal.addEventListener(
      'abort',
      () => {
        stop()
        reject(signal.reason)
      },
      { once: true },
    )
  })
}
