import type { Ownership } from '../address/listener-owner.ts'
import { SpinnerError } from '../errors.ts'
import { accepts, firstAccepting, targetOf } from '../probe.ts'
import type { Target } from '../types/child.ts'
import { type Candidate, hasOwnPath } from './candidate.ts'
import { reportElsewhere } from './diagnose.ts'

const MIN_POLL_MS = 1
const MAX_POLL_MS = 50
/** Pauses grow with the time already waited, so that a quick start is noticed at once and a slow one costs little. */
const SHARE_OF_WAIT = 0.05

/** Target at which a process accepts connections. `verified`: the listener was seen to belong to that process. */
export interface Endpoint {
  readonly target: Target
  readonly verified: boolean
}

/** Resolves when the process itself accepts connections on its address; with null if it has no address. */
export async function whenListening(candidate: Candidate, signal: AbortSignal): Promise<Endpoint | null> {
  const { address } = candidate
  if (address === null) return null
  const stopReporting = reportElsewhere(candidate)
  const listening =
    typeof address === 'string'
      ? whenSocketAccepts(candidate, address, signal)
      : whenPortAccepts(candidate, address, signal)
  return listening.finally(stopReporting)
}

/**
 * Resolves with the endpoint of a process that is ready by another condition than listening. A process that replaces
 * another must listen all the same, because its path takes over only when something listens there.
 */
export async function whenReachable(candidate: Candidate, signal: AbortSignal): Promise<Endpoint | null> {
  if (hasOwnPath(candidate)) return whenListening(candidate, signal)
  const { address } = candidate
  return address === null ? null : { target: targetOf(address), verified: false }
}

async function whenSocketAccepts(
  candidate: Candidate,
  socket: string,
  signal: AbortSignal,
): Promise<Endpoint> {
  const { socketWatch, sys } = candidate
  const target = targetOf(socket)
  const startedAt = sys.clock.now()
  for (;;) {
    signal.throwIfAborted()
    if (sys.platform === 'win32' || sys.fs.existsSync(socket)) {
      candidate.onBound()
      const owner = await certainOwner(candidate, target)
      if (owner === 'ours') return { target, verified: true }
      if (owner === 'unknown' && (await accepts(sys, target))) return { target, verified: false }
    }
    // Poll a socket that is bound but does not listen yet, because its directory shows no further change.
    if (sys.fs.existsSync(socket)) await sys.pause(pollDelay(sys.clock.now() - startedAt))
    else await socketWatch.next(socket, signal)
  }
}

/** Connects before it asks for the owner, because reading the table of all TCP sockets is expensive. */
async function whenPortAccepts(candidate: Candidate, port: number, signal: AbortSignal): Promise<Endpoint> {
  const { sys } = candidate
  const startedAt = sys.clock.now()
  for (;;) {
    signal.throwIfAborted()
    const target = await firstAccepting(sys, port)
    if (target) candidate.onBound()
    const owner = target ? await certainOwner(candidate, target) : 'nobody'
    if (target && owner !== 'nobody') return { target, verified: owner === 'ours' }
    await sys.pause(pollDelay(sys.clock.now() - startedAt))
  }
}

/** Returns the owner of the listener. Throws if another process certainly owns it. */
async function certainOwner(candidate: Candidate, target: Target): Promise<Ownership> {
  const { listenerOwners, process, sys } = candidate
  const owner = await listenerOwners.ownershipOf(target, process.pid)
  if (owner !== 'foreign') return owner
  // Look again, because a dying process keeps its socket a moment longer than its descriptors.
  await sys.pause(MAX_POLL_MS)
  const ownerNow = await listenerOwners.ownershipOf(target, process.pid)
  if (ownerNow === 'foreign') throw foreignListenerError(candidate)
  return ownerNow
}

const pollDelay = (waitedMs: number): number =>
  Math.min(Math.max(waitedMs * SHARE_OF_WAIT, MIN_POLL_MS), MAX_POLL_MS)

const foreignListenerError = ({ address, settings: { name } }: Candidate): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_FOREIGN_LISTENER',
    `Another process listens on ${address}, the address of '${name}'; stop that process, or give the child another address.`,
    { child: name },
  )
