import net from 'node:net'
import { hostOf } from '../routing/host-names.ts'
import type { Peer } from '../server/peer.ts'
import type { FlatHeaders } from './headers.ts'

/** Proxies in front of the gateway whose headers about the client are trusted. */
export interface Trust {
  /** Their addresses and networks. */
  readonly proxies: net.BlockList
  /** True if every peer that connects through a unix socket is trusted. */
  readonly unix: boolean
}

/** Facts about the connection of a request, and the claims in its headers. */
export interface Origin {
  readonly peer: Peer
  readonly isEncrypted: boolean
  readonly hostHeader: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Prefix that the route removed from the path; empty if none. */
  readonly prefix: string
}

const LOOPBACK_NETWORKS = ['127.0.0.0/8', '::1']

/** Reads `trustProxy`: null for an empty list, undefined if an entry is neither an address nor a network. */
export function readTrust(entries: readonly string[]): Trust | null | undefined {
  if (entries.length === 0) return null
  const proxies = new net.BlockList()
  for (const entry of entries.flatMap((given) => (given === 'loopback' ? LOOPBACK_NETWORKS : [given]))) {
    if (entry !== 'unix' && !addTo(proxies, entry)) return undefined
  }
  return { proxies, unix: entries.includes('unix') }
}

function addTo(proxies: net.BlockList, entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/')
  const version = net.isIP(address)
  if (version === 0 || rest.length > 0) return false
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (bits === undefined) proxies.addAddress(address, family)
  else if (!/^\d{1,3}$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128)) return false
  else proxies.addSubnet(address, Number(bits), family)
  return true
}

/** Returns an IPv4 address without the `::ffff:` that some systems put in front. */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && net.isIPv4(address.slice(7)) ? address.slice(7) : address

function isTrusted(peer: Peer, trust: Trust | null): boolean {
  if (trust === null || peer === null) return trust?.unix === true
  const address = plainAddress(peer)
  return trust.proxies.check(address, net.isIPv4(address) ? 'ipv4' : 'ipv6')
}

const PROXY_HEADERS = ['forwarded', 'via', 'x-real-ip'] as const

/** Returns true if the client runs on this machine and no proxy is in between, as far as headers show one. */
export function isLocalPeer({ peer, headers }: Pick<Origin, 'peer' | 'headers'>): boolean {
  if (peer === null || PROXY_HEADERS.some((name) => name in headers)) return false
  if (Object.keys(headers).some((name) => name.startsWith('x-forwarded-'))) return false
  const address = plainAddress(peer)
  return address === '::1' || address.startsWith('127.')
}

/**
 * Returns the headers that tell the child about its client, taken from the connection (docs/hazards.md#h50). Drops what
 * the request itself claims, unless the peer is a trusted proxy: then its claims are kept, and the peer is appended.
 */
export function forwardedHeaders(origin: Origin, trust: Trust | null): FlatHeaders {
  const { headers, hostHeader, isEncrypted, peer, prefix } = origin
  const claims = isTrusted(peer, trust) ? headers : NO_CLAIMS
  const address = peer === null ? undefined : plainAddress(peer)
  const proto = validClaim(claims['x-forwarded-proto'], isProto) ?? (isEncrypted ? 'https' : 'http')
  const host = validClaim(claims['x-forwarded-host'], isHost) ?? (isHost(hostHeader) ? hostHeader : undefined)
  const flat = ['x-forwarded-proto', proto]
  const add = (name: string, value: string | undefined): void => {
    if (value) flat.push(name, value)
  }
  add('x-forwarded-for', appendTo(claims['x-forwarded-for'], address))
  add('x-forwarded-host', host)
  add('forwarded', appendTo(claims['forwarded'], forwardedElement(address, proto, host)))
  add('x-real-ip', validClaim(claims['x-real-ip'], isAddress))
  add('x-forwarded-prefix', prefix)
  return flat
}

/** The last headers of each connection, with the only inputs that may differ between its requests. */
const lastOf = new WeakMap<object, Pick<Origin, 'hostHeader' | 'prefix'> & { readonly flat: FlatHeaders }>()

/**
 * Returns {@link forwardedHeaders}, cached per connection while no proxy is trusted: the next request with the same
 * `hostHeader` and `prefix` gets the same array, so do not change the array. A header whose value differs between the
 * requests of a connection does not belong here; let its caller pass it to `requestHeaders`.
 */
export function forwardedOn(connection: object, origin: Origin, trust: Trust | null): FlatHeaders {
  if (trust !== null) return forwardedHeaders(origin, trust)
  const { hostHeader, prefix } = origin
  const last = lastOf.get(connection)
  if (last && last.hostHeader === hostHeader && last.prefix === prefix) return last.flat
  const flat = forwardedHeaders(origin, trust)
  lastOf.set(connection, { hostHeader, prefix, flat })
  return flat
}

const NO_CLAIMS: Origin['headers'] = {}

type Claim = string | string[] | undefined

const isProto = (given: string): boolean => given === 'http' || given === 'https'

const isHost = (given: string | undefined): boolean => hostOf(given) !== null

const isAddress = (given: string): boolean => net.isIP(given) !== 0

const validClaim = (claim: Claim, isValid: (given: string) => boolean): string | undefined =>
  typeof claim === 'string' && isValid(claim) ? claim : undefined

/** Appends the gateway's own entry to a claimed list. */
function appendTo(claim: Claim, entry: string | undefined): string | undefined {
  const list = Array.isArray(claim) ? claim.join(', ') : claim
  return list && entry ? `${list}, ${entry}` : list || entry
}

/** Returns an element of `Forwarded`. RFC 7239 requires quotes around an IPv6 address and a host with a port. */
function forwardedElement(address: string | undefined, proto: string, host: string | undefined): string {
  const client = address === undefined ? 'unknown' : net.isIPv6(address) ? `"[${address}]"` : address
  return `for=${client};proto=${proto}${host === undefined ? '' : `;host="${host}"`}`
}
