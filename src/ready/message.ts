import { first, type Source } from './signals.ts'

/** Resolves when the child sends `'ready'`, or an object whose `type` is `'ready'`, over IPC. */
export function whenMessage(onMessage: Source<unknown>, signal: AbortSignal): Promise<void> {
  const isReady = (message: unknown): boolean =>
    message === 'ready' || (message as { type?: unknown } | null)?.type === 'ready'
  return first(onMessage, isReady, signal)
}
