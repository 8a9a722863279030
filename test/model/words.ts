/** The reason with which callers of the model abort. */
export const ABORTED = new Error('aborted by its caller')

export const SOCKET = 'its socket'

/** Returns an address. Replaces a socket path by a fixed text, because its folder has another name in each run. */
export const addressText = (address: unknown): unknown =>
  /^\/nowhere\/spinner-[\da-f]{12}\/[\da-f]{8}\.sock$/.test(String(address)) ? SOCKET : address

/** Returns the result of a wait that rejected. */
export function outcomeOf(thrown: unknown): string {
  if (thrown === ABORTED) return 'aborted'
  return String((thrown as { code?: unknown }).code ?? thrown)
}

/** Returns an event as a line of text. */
export function eventText(event: string, args: readonly unknown[]): string {
  const [first, second] = args as [unknown, unknown]
  if (event === 'state') return `state ${first}<${second}`
  if (event === 'exit') {
    const { code, signal } = first as { code: number | null; signal: string | null }
    return `exit ${signal ?? code}`
  }
  if (first instanceof Error) return `${event} ${outcomeOf(first)}`
  return args.length > 0 ? `${event} ${addressText(first)}` : event
}
