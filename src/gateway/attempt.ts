import type { Child } from '../child.ts'
import type { Arrival, House } from './arrival.ts'
import { RequestBody } from './body.ts'
import { Exchange, isRepeatable, type Outcome } from './exchange.ts'
import { forwardedHeaders, type Trust } from './forwarded.ts'
import { requestHeaders } from './headers.ts'
import { switchingHead, Tunnel } from './tunnel.ts'
import type { Sent, Upstream } from './upstream.ts'

/**
 * One try of a request at the process that its child has now. An upgraded connection is under way until it has closed.
 * `isAgain`: it was sent before, and lost; a second one must not meet another connection that is being closed.
 */
export async function attempt(
  house: House,
  arrival: Arrival,
  child: Child,
  isAgain: boolean,
): Promise<Outcome> {
  const { asked, request, response, rules } = arrival
  const upstream = house.traffic.to(child)
  if (upstream === null) {
    throw new Error(`'${child.name}' does not listen, so no request can reach it: its \`listen\` is null`)
  }
  if (response.destroyed) return 'over'
  const body = asked.body === 0 ? null : new RequestBody(request, rules.maxBody)
  const outcome = await new Promise<Outcome>((resolve) => {
    const { method } = asked
    const { httpVersion } = request
    const exchange = new Exchange({ method, httpVersion, response, body, upstream }, resolve)
    // What could not be sent twice is not sent on a connection that may be about to go (HAZARDS H56).
    const isAlone = isAgain || !(upstream.saysHowLong || isRepeatable(method, body))
    upstream.send({ ...sentOf(arrival, body, house.trust), isAlone }, exchange)
  })
  return typeof outcome === 'object' && 'socket' in outcome ? tunnelled(arrival, outcome, upstream) : outcome
}

function sentOf(arrival: Arrival, body: RequestBody | null, trust: Trust | null): Omit<Sent, 'isAlone'> {
  const { asked, path, peer, prefix, request, rules, upgrade } = arrival
  const { headers, rawHeaders, socket } = request
  const { hostHeader } = asked
  const isEncrypted = 'encrypted' in socket
  const origin = { peer, isEncrypted, hostHeader, headers, prefix }
  const forwarded = forwardedHeaders(origin, trust)
  return {
    method: asked.method,
    path,
    headers: requestHeaders(rawHeaders, { hostHeader, body: asked.body, forwarded }),
    body,
    upgrade: upgrade?.protocol ?? null,
    headTimeout: (rules.answerTimeout ?? 0) * 1_000,
  }
}

/** Resolves when nothing is left of either connection. */
async function tunnelled(
  { upgrade }: Arrival,
  { headers, socket }: Extract<Outcome, { socket: unknown }>,
  upstream: Upstream,
): Promise<Outcome> {
  if (upgrade === null) {
    socket.destroy()
    return { status: 502, text: 'The app answered in a protocol that nobody had asked for.' }
  }
  const { client, early } = upgrade.take()
  client.write(switchingHead(headers), 'latin1')
  if (early.length > 0) socket.write(early)
  let end = (): void => {}
  await new Promise<void>((closed) => {
    end = upstream.beginStream(new Tunnel(client, socket, closed))
  })
  end()
  return 'over'
}
