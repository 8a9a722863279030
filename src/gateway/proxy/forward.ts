import type { Child } from '../../types/child.ts'
import { RequestBody } from '../http/body.ts'
import { forwardedOn, type Trust } from '../http/forwarded.ts'
import { requestHeaders } from '../http/headers.ts'
import type { GatewayContext, ProxyRequest } from './context.ts'
import { Exchange, type ExchangeResult, isRepeatable } from './exchange.ts'
import { switchingHead, Tunnel } from './tunnel.ts'
import type { Sent, Upstream } from './upstream.ts'

/**
 * One try of a request at the process that its child has now. An upgraded connection is under way until it has closed.
 * `isAgain`: it was sent before, and lost; a second one must not meet another connection that is being closed.
 */
export function forward(
  house: GatewayContext,
  arrival: ProxyRequest,
  child: Child,
  isAgain: boolean,
): Promise<ExchangeResult> {
  const { asked, isMounted, request, response, rules } = arrival
  const upstream = house.upstreams.to(child)
  if (upstream === null) {
    throw new Error(`'${child.name}' does not listen, so no request can reach it: its \`listen\` is null`)
  }
  if (response.destroyed) return Promise.resolve('over')
  const body = asked.body === 0 ? null : new RequestBody(request, rules.maxBody)
  // What could not be sent twice is not sent on a connection that may be about to go (docs/hazards.md#h56).
  const isAlone = isAgain || !(upstream.saysHowLong || isRepeatable(asked.method, body))
  const outcome = new Promise<ExchangeResult>((resolve) => {
    const { method } = asked
    const { httpVersion } = request
    const exchange = new Exchange({ method, httpVersion, response, isMounted, body, upstream }, resolve)
    upstream.send(sentOf(arrival, { body, isAlone, trust: house.trust }), exchange)
  })
  return arrival.upgrade === null ? outcome : outcome.then((each) => opened(arrival, each, upstream))
}

function sentOf(
  arrival: ProxyRequest,
  { body, isAlone, trust }: Pick<Sent, 'isAlone'> & { body: RequestBody | null; trust: Trust | null },
): Sent {
  const { asked, path, peer, prefix, request, rules, upgrade } = arrival
  const { headers, rawHeaders, socket } = request
  const { hostHeader } = asked
  const { connection } = headers
  // Node makes one text of several such fields.
  const te = headers['te'] as string | undefined
  const isEncrypted = 'encrypted' in socket
  const origin = { peer, isEncrypted, hostHeader, headers, prefix }
  const forwarded = forwardedOn(socket, origin, trust)
  return {
    method: asked.method,
    path,
    headers: requestHeaders(rawHeaders, { hostHeader, body: asked.body, forwarded, connection, te }),
    body,
    isAlone,
    upgrade: upgrade?.protocol ?? null,
    headersTimeout: (rules.answerTimeout ?? 0) * 1_000,
  }
}

/** Where the child has agreed to another protocol: resolves when nothing is left of either connection. */
async function opened(
  { upgrade }: ProxyRequest,
  outcome: ExchangeResult,
  upstream: Upstream,
): Promise<ExchangeResult> {
  if (upgrade === null || typeof outcome !== 'object' || !('socket' in outcome)) return outcome
  const { client, early } = upgrade.take()
  client.write(switchingHead(outcome.headers), 'latin1')
  if (early.length > 0) outcome.socket.write(early)
  await new Promise<void>((resolve) => {
    const tunnel: Tunnel = new Tunnel(client, outcome.socket, () => {
      upstream.leaveStream(tunnel)
      resolve()
    })
    upstream.enterStream(tunnel)
    tunnel.join()
  })
  return 'over'
}
