import { targetOf } from '../address/probe.ts'
import type { Child } from '../child.ts'
import type { Address } from '../events.ts'
import type { ChildSettings } from '../options.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Target } from '../sys.ts'
import type { Source } from './first.ts'
import { whenHttp } from './http.ts'
import { type Eyes, type Place, whenListening } from './listen.ts'
import { whenMessage } from './message.ts'
import { whenOutput } from './output.ts'

/** What readiness is judged by. */
export interface Candidate extends Eyes {
  readonly settings: ChildSettings
  readonly address: Address | null
  readonly process: ManagedProcess
  readonly child: Child
  readonly onLine: Source<string>
}

/** Resolves when the child counts as ready, with the place at which it is reached. */
export async function whenReady(candidate: Candidate, signal: AbortSignal): Promise<Place | null> {
  const { address, child, onLine, process, settings, sys } = candidate
  const { ready } = settings
  const assumed = address === null ? null : { target: targetOf(address), verified: false }
  if (ready === 'spawn') return assumed
  if (ready === 'listen') return listening(candidate, signal)
  if (ready === 'message') {
    await whenMessage((listener) => process.onMessage(listener), signal)
    return assumed
  }
  if (typeof ready === 'function') {
    await ready(reachedAt(child, assumed?.target ?? null), signal)
    return assumed
  }
  if ('output' in ready) {
    await whenOutput(ready.output, onLine, signal)
    return assumed
  }
  const place = await listening(candidate, signal)
  if (place) await whenHttp(sys, place.target, ready.http, signal)
  return place
}

/** The child as its `ready` function meets it: at the new process, while the old one may still have its address. */
function reachedAt(child: Child, target: Target | null): Child {
  if (target === null || !('socketPath' in target) || target.socketPath === child.address) return child
  return new Proxy(child, {
    get: (_, key) => {
      if (key === 'target') return target
      if (key === 'address') return target.socketPath
      const value: unknown = Reflect.get(child, key, child)
      return typeof value === 'function' ? value.bind(child) : value
    },
  })
}

async function listening(candidate: Candidate, signal: AbortSignal): Promise<Place | null> {
  const { address, process, settings } = candidate
  if (address === null) return null
  return whenListening(candidate, { name: settings.name, address, pid: process.pid }, signal)
}
