import net from 'node:net'
import type { Duplex } from 'node:stream'
import { responseHeaders } from '../http/headers.ts'
import type { Stream } from './upstream.ts'

/** An end that has vanished without a word is noticed within this time and ten seconds. */
export const KEEP_ALIVE_MS = 30_000
/** Who takes nothing for so long of what waits for it will not take it any more. */
export const STALLED_MS = 60_000

/** What was agreed on: the head of the child's answer, as the client gets it. */
export function switchingHead(raw: readonly Buffer[]): string {
  const { headers } = responseHeaders(raw)
  const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', `upgrade: ${protocolOf(raw)}`]
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

function protocolOf(raw: readonly Buffer[]): string {
  for (let at = 0; at + 1 < raw.length; at += 2)
    if (raw[at]?.toString('latin1').toLowerCase() === 'upgrade') return raw[at + 1]?.toString('latin1') ?? ''
  return 'websocket'
}

/** Two connections that are one: what comes from either goes to the other, and the end of one is the end of both. */
export class Tunnel implements Stream {
  readonly #client: Duplex
  readonly #child: Duplex
  readonly #onClosed: () => void

  /** `onClosed` is called once, when nothing is left of either. Nothing happens before `join`. */
  constructor(client: Duplex, child: Duplex, onClosed: () => void) {
    this.#client = client
    this.#child = child
    this.#onClosed = onClosed
  }

  join(): void {
    const [client, child] = [this.#client, this.#child]
    const open = [client, child].filter(({ closed }) => !closed)
    let left = open.length
    const closed = (): void => {
      left--
      this.destroy()
      if (left === 0) this.#onClosed()
    }
    for (const side of open) {
      side.on('error', () => this.destroy()).once('close', closed)
      if (side instanceof net.Socket) this.#watch(side)
    }
    if (left === 0) this.#onClosed()
    client.pipe(child)
    child.pipe(client)
    // No protocol that is spoken here goes on in one direction alone.
    client.once('end', () => endSoon(child))
    child.once('end', () => endSoon(client))
    if (client.destroyed || child.destroyed) this.destroy()
  }

  end(): void {
    endSoon(this.#child)
    endSoon(this.#client)
  }

  destroy(): void {
    this.#client.destroy()
    this.#child.destroy()
  }

  /** A quiet connection is well; one that takes nothing although there is something for it is not. */
  #watch(side: net.Socket): void {
    side.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
    side.setTimeout(STALLED_MS, () => {
      if (side.writableLength > 0) this.destroy()
    })
  }
}

/** Ends when what was written is on its way. */
export function endSoon(side: Duplex): void {
  if (side instanceof net.Socket) side.destroySoon()
  else side.end(() => side.destroy())
}
