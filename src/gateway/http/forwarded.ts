import net from 'node:net'
import { hostOf } from '../routing/host-names.ts'
import type { Peer } from '../server/peer.ts'
import type { FlatHeaders } from './headers.ts'

/** Whose word on the client is believed. */
export interface Trust {
  /** Addresses and networks of proxies in front. */
  readonly proxies: net.BlockList
  /** Whoever connects through a unix socket is a proxy in front. */
  readonly unix: boolean
}

/** What is known of a connection, and what the request claims. */
export interface Origin {
  readonly peer: Peer
  readonly isEncrypted: boolean
  readonly hostHeader: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** What a route took off the front of the path; empty when nothing. */
  readonly prefix: string
}

const LOOPBACK = ['127.0.0.0/8', '::1']

/** Reads `trustProxy`: null when nobody is trusted, undefined when an entry is no address and no network. */
export function readTrust(entries: readonly string[]): Trust | null | undefined {
  if (entries.length === 0) return null
  const proxies = new net.BlockList()
  for (const entry of entries.flatMap((given) => (given === 'loopback' ? LOOPBACK : [given]))) {
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

/** An address of IPv4 as such, however the system writes it. */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && net.isIPv4(address.slice(7)) ? address.slice(7) : address

function isTrusted(peer: Peer, trust: Trust | null): boolean {
  if (trust === null || peer === null) return trust?.unix === true
  const address = plainAddress(peer)
  return trust.proxies.check(address, net.isIPv4(address) ? 'ipv4' : 'ipv6')
}

const MARKS = ['forwarded', 'via', 'x-real-ip'] as const

/** Whether whoever asks sits at this machine and nothing stands between: no proxy has left its mark. */
export function isLocalPeer({ peer, headers }: Pick<Origin, 'peer' | 'headers'>): boolean {
  if (peer === null || MARKS.some((mark) => mark in headers)) return false
  if (Object.keys(headers).some((name) => name.startsWith('x-forwarded-'))) return false
  const address = plainAddress(peer)
  return address === '::1' || address.startsWith('127.')
}

/**
 * Who asks, as the connection shows it (docs/hazards.md#h50). What the request itself says of that is
 * dropped, unless the peer is a proxy that is trusted: then it is kept, with the peer behind it.
 */
export function forwardedHeaders(origin: Origin, trust: Trust | null): FlatHeaders {
  const { headers, hostHeader, isEncrypted, peer, prefix } = origin
  const claims = isTrusted(peer, trust) ? headers : NO_CLAIMS
  const address = peer === null ? undefined : plainAddress(peer)
  const proto = oneOf(claims['x-forwarded-proto'], isProto) ?? (isEncrypted ? 'https' : 'http')
  const host = oneOf(claims['x-forwarded-host'], isHost) ?? (isHost(hostHeader) ? hostHeader : undefined)
  const flat = ['x-forwarded-proto', proto]
  const say = (name: string, value: string | undefined): void => {
    if (value) flat.push(name, value)
  }
  say('x-forwarded-for', after(claims['x-forwarded-for'], address))
  say('x-forwarded-host', host)
  say('forwarded', after(claims['forwarded'], element(address, proto, host)))
  say(
    'x-real-ip',
    oneOf(claims['x-real-ip'], (given) => net.isIP(given) !== 0),
  )
  say('x-forwarded-prefix', prefix)
  return flat
}

/** What was said last on each connection: it is the same for each request, as long as nobody's word is believed. */
const said = new WeakMap<object, Pick<Origin, 'hostHeader' | 'prefix'> & { readonly flat: FlatHeaders }>()

/** The same, remembered for a connection. */
export function forwardedOn(connection: object, origin: Origin, trust: Trust | null): FlatHeaders {
  if (trust !== null) return forwardedHeaders(origin, trust)
  const { hostHeader, prefix } = origin
  const before = said.get(connection)
  if (before && before.hostHeader === hostHeader && before.prefix === prefix) return before.flat
  const flat = forwardedHeaders(origin, trust)
  said.set(connection, { hostHeader, prefix, flat })
  return flat
}

const NO_CLAIMS: Origin['headers'] = {}

type Claim = string | string[] | undefined

const isProto = (given: string): boolean => given === 'http' || given === 'https'

const isHost = (given: string | undefined): boolean => hostOf(given) !== null

const oneOf = (claim: Claim, isWell: (given: string) => boolean): string | undefined =>
  typeof claim === 'string' && isWell(claim) ? claim : undefined

function after(claim: Claim, last: string | undefined): string | undefined {
  const before = Array.isArray(claim) ? claim.join(', ') : claim
  return before && last ? `${before}, ${last}` : before || last
}

/** RFC 7239: an address of IPv6 and a host with a port are written in quotes. */
function element(address: string | undefined, proto: string, host: string | undefined): string {
  const who = address === undefined ? 'unknown' : net.isIPv6(address) ? `"[${address}]"` : address
  return `for=${who};proto=${proto}${host === undefined ? '' : `;host="${host}"`}`
}
