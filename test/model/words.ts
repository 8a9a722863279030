/** Why callers of the model give up waiting. */
export const ABORTED = new Error('aborted by its caller')

export const SOCKET = 'its socket'

/** An address in words: the folder of a socket has another name each time. */
export const place = (address: unknown): unknown =>
  /^\/nowhere\/spinner-[\da-f]{12}\/[\da-f]{8}\.sock$/.test(String(address)) ? SOCKET : address

/** What a wait ended with. */
export function outcomeOf(thrown: unknown): string {
  if (thrown === ABORTED) return 'aborted'
  return String((thrown as { code?: unknown }).code ?? thrown)
}

/** An event as a line. */
export function said(event: string, args: readonly unknown[]): string {
  const [first, second] = args as [unknown, unknown]
  if (event === 'state') return `state ${first}<${second}`
  if (event === 'exit') {
    const { code, signal } = first as { code: number | null; signal: string | null }
    return `exit ${signal ?? code}`
  }
  if (first instanceof Error) return `${event} ${outcomeOf(first)}`
  return args.length > 0 ? `${event} ${place(first)}` : event
}
