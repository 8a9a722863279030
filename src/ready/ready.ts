import { targetOf } from '../address/probe.ts'
import type { SocketAllocator } from '../address/sockets.ts'
import type { Child } from '../child.ts'
import type { Address } from '../events.ts'
import type { ChildSettings } from '../options.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Sys, Target } from '../sys.ts'
import type { Source } from './first.ts'
import { whenHttp } from './http.ts'
import { whenListening } from './listen.ts'
import { whenMessage } from './message.ts'
import { whenOutput } from './output.ts'
import type { SocketWatch } from './socket-watch.ts'

/** What readiness is judged by. */
export interface Candidate {
  readonly sys: Sys
  readonly socketWatch: SocketWatch
  readonly sockets: SocketAllocator
  readonly settings: ChildSettings
  readonly address: Address | null
  readonly process: ManagedProcess
  readonly child: Child
  readonly onLine: Source<string>
}

/** Resolves when the child counts as ready, with the target at which it is reached. */
export async function whenReady(candidate: Candidate, signal: AbortSignal): Promise<Target | null> {
  const { address, child, onLine, process, settings, sys } = candidate
  const { ready } = settings
  const assumed = address === null ? null : targetOf(address)
  if (ready === 'spawn') return assumed
  if (ready === 'listen') return listening(candidate, signal)
  if (ready === 'message') {
    await whenMessage((listener) => process.onMessage(listener), signal)
    return assumed
  }
  if (typeof ready === 'function') {
    await ready(child, signal)
    return assumed
  }
  if ('output' in ready) {
    await whenOutput(ready.output, onLine, signal)
    return assumed
  }
  const target = await listening(candidate, signal)
  if (target) await whenHttp(sys, target, ready.http, signal)
  return target
}

async function listening(candidate: Candidate, signal: AbortSignal): Promise<Target | null> {
  const { address, process, settings, sockets, socketWatch, sys } = candidate
  if (address === null) return null
  const { ipc, name } = settings
  const isPrivate = sockets.isPrivate(address)
  const child = { name, address, pid: process.pid, isPrivate, channels: ipc ? 1 : 0 }
  return whenListening(sys, child, socketWatch, signal)
}
