import net from 'node:net'
import type { Duplex } from 'node:stream'
import { responseHeaders } from '../http/headers.ts'
import type { OpenStream } from './upstream.ts'

/** Idle time before TCP keep-alive probes start. A peer that vanished silently is noticed ten seconds after that. */
export const KEEP_ALIVE_MS = 30_000
/** A peer that has not read buffered data for this long is considered dead. */
export const STALLED_MS = 60_000

/** Builds the `101` response for the client from the headers of the child's response. */
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

/** Joins two connections: passes data on both ways, and ends both when either ends. */
export class Tunnel implements OpenStream {
  readonly #client: Duplex
  readonly #child: Duplex
  readonly #onClosed: () => void

  /** `onClosed` is called once, when both connections are closed. Nothing happens before `join`. */
  constructor(client: Duplex, child: Duplex, onClosed: () => void) {
    this.#client = client
    this.#child = child
    this.#onClosed = onClosed
  }

  join(): void {
    const [client, child] = [this.#client, this.#child]
    const open = [client, child].filter(({ closed }) => !closed)
    let left = open.length
    const onClose = (): void => {
      left--
      this.destroy()
      if (left === 0) this.#onClosed()
    }
    for (const side of open) {
      side.on('error', () => this.destroy()).once('close', onClose)
      if (side instanceof net.Socket) this.#watch(side)
    }
    if (left === 0) this.#onClosed()
    client.pipe(child)
    child.pipe(client)
    // End both, because no protocol in use here goes on in one direction alone.
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

  /** Destroys the tunnel if a side does not read buffered data. A side without traffic is healthy. */
  #watch(side: net.Socket): void {
    side.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
    side.setTimeout(STALLED_MS, () => {
      if (side.writableLength > 0) this.destroy()
    })
  }
}

/** Closes a connection after its buffered data has been written. */
export function endSoon(side: Duplex): void {
  if (side instanceof net.Socket) side.destroySoon()
  else side.end(() => side.destroy())
}
