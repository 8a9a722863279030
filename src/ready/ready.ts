import { targetOf } from '../probe.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Address, Child } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import { reportElsewhere } from './diagnose.ts'
import { whenHttp } from './http.ts'
import { type Endpoint, type ReadinessTools, whenListening } from './listen.ts'
import type { Subscribe } from './signals.ts'
import { whenMessage, whenOutput } from './signals.ts'

/** What readiness is judged by. */
export interface Candidate extends ReadinessTools {
  readonly settings: ChildSettings
  readonly address: Address | null
  readonly process: ManagedProcess
  readonly child: Child
  readonly onLine: Subscribe<string>
  /** Told when its address is taken, a moment before it is known by whom. */
  readonly onBound: () => void
  /** Told in words, when it listens on other ports than its own. */
  readonly onElsewhere: (said: string) => void
}

/** Resolves when the child counts as ready, with the place at which it is reached. */
export async function whenReady(candidate: Candidate, signal: AbortSignal): Promise<Endpoint | null> {
  const { address, child, process, settings, sys } = candidate
  const { ready } = settings
  if (ready === 'listen') return listening(candidate, signal)
  if (typeof ready === 'object' && 'http' in ready) {
    const place = await listening(candidate, signal)
    if (place) await whenHttp(sys, place.target, ready.http, signal)
    return place
  }
  if (ready === 'message') await whenMessage((listener) => process.onMessage(listener), signal)
  else if (typeof ready === 'function')
    await ready(isBeside(candidate) ? asCandidate(candidate) : child, signal)
  else if (ready !== 'spawn') await whenOutput(ready.output, candidate.onLine, signal)
  // Only what listens can take the place of another.
  if (isBeside(candidate)) return listening(candidate, signal)
  return address === null ? null : { target: targetOf(address), verified: false }
}

/** Whether it has a path of its own, which is not the child's yet. */
const isBeside = ({ address, child }: Candidate): boolean => address !== child.address

/** The child as its `ready` function meets it: as the new process, while the old one may still serve. */
function asCandidate({ address, child, process }: Candidate): Child {
  const own: Partial<Record<PropertyKey, unknown>> = {
    address,
    target: targetOf(address as Address),
    pid: process.pid,
    stdin: process.stdin,
    send: (message: unknown) => process.send(message),
  }
  return new Proxy(child, {
    get: (_, key) => {
      if (Object.hasOwn(own, key)) return own[key]
      const value: unknown = Reflect.get(child, key, child)
      return typeof value === 'function' ? value.bind(child) : value
    },
  })
}

async function listening(candidate: Candidate, signal: AbortSignal): Promise<Endpoint | null> {
  const { address, onBound, process, settings } = candidate
  if (address === null) return null
  const stopTelling = reportElsewhere(candidate)
  const child = { name: settings.name, address, pid: process.pid, onBound }
  return whenListening(candidate, child, signal).finally(stopTelling)
}
