import type { Child } from '../../types/child.ts'
import { RequestBody } from '../http/body.ts'
import { forwardedOn, type Trust } from '../http/forwarded.ts'
import { requestHeaders } from '../http/headers.ts'
import type { GatewayContext, ProxyRequest, Upgrade } from './context.ts'
import { Exchange, type ExchangeResult, isRepeatable } from './exchange.ts'
import { switchingHead, Tunnel } from './tunnel.ts'
import type { OutgoingRequest, Upstream } from './upstream.ts'

/**
 * Tries a request once, at the current process of its child. With an upgrade, resolves when the connection has closed.
 * `isRetry`: the request was sent before without a response, so it must not meet another connection that is closing.
 */
export function forward(
  { trust, upstreams }: GatewayContext,
  request: ProxyRequest,
  child: Child,
  isRetry: boolean,
): Promise<ExchangeResult> {
  const { call, head, match, upgrade } = request
  const upstream = upstreams.upstreamOf(child)
  if (upstream === null)
    throw new Error(`requests cannot be forwarded to '${child.name}', because its \`listen\` is null`)
  if (call.response.destroyed) return Promise.resolve('done')
  const body = head.body === 0 ? null : new RequestBody(call.request, match.rules.maxBody)
  // Do not send a request that cannot be repeated on a connection that may be closing (docs/hazards.md#h56).
  const dedicated = isRetry || !(upstream.advertisesKeepAlive || isRepeatable(head.method, body))
  const result = new Promise<ExchangeResult>((resolve) => {
    const exchange = new Exchange(request, body, upstream, resolve)
    upstream.send(outgoing(request, body, dedicated, trust), exchange)
  })
  return upgrade === null ? result : result.then((settled) => openTunnel(upgrade, settled, upstream))
}

function outgoing(
  { call, head, match, upgrade }: ProxyRequest,
  body: RequestBody | null,
  dedicated: boolean,
  trust: Trust | null,
): OutgoingRequest {
  const { headers, rawHeaders, socket } = call.request
  const { hostHeader } = head
  const { path, prefix, rules } = match
  const { connection } = headers
  // Node joins several `TE` headers into one string.
  const te = headers['te'] as string | undefined
  const isEncrypted = 'encrypted' in socket
  const origin = { peer: call.peer, isEncrypted, hostHeader, headers, prefix }
  const forwarded = forwardedOn(socket, origin, trust)
  return {
    method: head.method,
    path,
    headers: requestHeaders(rawHeaders, { hostHeader, body: head.body, forwarded, connection, te }),
    body,
    dedicated,
    upgrade: upgrade?.protocol ?? null,
    headersTimeout: (rules.answerTimeout ?? 0) * 1_000,
  }
}

/** Joins the connections if the child has accepted the upgrade. Resolves when both are closed. */
async function openTunnel(
  upgrade: Upgrade,
  result: ExchangeResult,
  upstream: Upstream,
): Promise<ExchangeResult> {
  if (typeof result !== 'object' || !('socket' in result)) return result
  const { client, early } = upgrade.take()
  client.write(switchingHead(result.headers), 'latin1')
  if (early.length > 0) result.socket.write(early)
  await new Promise<void>((resolve) => {
    const tunnel: Tunnel = new Tunnel(client, result.socket, () => {
      upstream.leaveStream(tunnel)
      resolve()
    })
    upstream.enterStream(tunnel)
    tunnel.join()
  })
  return 'done'
}
