/** Tells IPC messages to those who wait for one. */
export type OnMessage = (listener: (message: unknown) => void) => () => void

/** Resolves when the child sends `'ready'`, or an object whose `type` is `'ready'`, over IPC. */
export function whenMessage(onMessage: OnMessage, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = onMessage((message) => {
      if (message !== 'ready' && (message as { type?: unknown } | null)?.type !== 'ready') return
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
