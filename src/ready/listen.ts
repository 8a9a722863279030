import type { ListenerOwners, Ownership } from '../address/listener-owner.ts'
import { SpinnerError } from '../errors.ts'
import { accepts, firstAccepting, targetOf } from '../probe.ts'
import type { Sys } from '../sys.ts'
import type { Address, Target } from '../types/child.ts'
import type { SocketWatch } from './socket-watch.ts'

const SHORTEST_LOOK_MS = 1
const LONGEST_LOOK_MS = 50
/** Looks grow with the time already waited: a quick start is seen at once, a slow one costs little. */
const SHARE_OF_WAIT = 0.05

/** What is known of a process that is to listen. */
export interface Listening {
  readonly name: string
  readonly address: Address
  readonly pid: number
  /** Told once something is there: it has begun its work, and what is still to be found out is whose it is. */
  readonly onBound: () => void
}

/** What readiness is seen with. */
export interface ReadinessTools {
  readonly sys: Sys
  readonly listenerOwners: ListenerOwners
  readonly socketWatch: SocketWatch
}

/** Where a process accepts, and whether it was seen that it is this one who does. */
export interface Endpoint {
  readonly target: Target
  readonly verified: boolean
}

/** Resolves with the target at which the process, and nobody else, accepts. */
export function whenListening(
  eyes: ReadinessTools,
  child: Listening,
  signal: AbortSignal,
): Promise<Endpoint> {
  const { address } = child
  return typeof address === 'string'
    ? whenSocket(eyes, child, address, signal)
    : whenPort(eyes, child, address, signal)
}

async function whenSocket(
  eyes: ReadinessTools,
  child: Listening,
  socket: string,
  signal: AbortSignal,
): Promise<Endpoint> {
  const { sys, socketWatch } = eyes
  const target = targetOf(socket)
  const since = sys.clock.now()
  for (;;) {
    signal.throwIfAborted()
    if (sys.platform === 'win32' || sys.fs.existsSync(socket)) {
      child.onBound()
      const owner = await ownerSurely(eyes, child, target)
      if (owner === 'ours') return { target, verified: true }
      if (owner === 'unknown' && (await accepts(sys, target))) return { target, verified: false }
    }
    // Bound but not listening yet: nothing more will be seen of it in the folder.
    if (sys.fs.existsSync(socket)) await sys.pause(nextLook(sys.clock.now() - since))
    else await socketWatch.next(socket, signal)
  }
}

/** A table of all TCP sockets is dear to read, so first something must answer. */
async function whenPort(
  eyes: ReadinessTools,
  child: Listening,
  port: number,
  signal: AbortSignal,
): Promise<Endpoint> {
  const { sys } = eyes
  const since = sys.clock.now()
  for (;;) {
    signal.throwIfAborted()
    const target = await firstAccepting(sys, port)
    if (target) child.onBound()
    const owner = target ? await ownerSurely(eyes, child, target) : 'nobody'
    if (target && owner !== 'nobody') return { target, verified: owner === 'ours' }
    await sys.pause(nextLook(sys.clock.now() - since))
  }
}

/** Whose it is; throws when it is certain that it is somebody else's. */
async function ownerSurely(
  { listenerOwners, sys }: ReadinessTools,
  child: Listening,
  target: Target,
): Promise<Ownership> {
  const owner = await listenerOwners.ownershipOf(target, child.pid)
  if (owner !== 'foreign') return owner
  // A process that is dying holds its socket a moment longer than its descriptors.
  await sys.pause(LONGEST_LOOK_MS)
  const again = await listenerOwners.ownershipOf(target, child.pid)
  if (again === 'foreign') throw foreign(child)
  return again
}

const nextLook = (waited: number): number =>
  Math.min(Math.max(waited * SHARE_OF_WAIT, SHORTEST_LOOK_MS), LONGEST_LOOK_MS)

const foreign = ({ name, address }: Listening): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_FOREIGN_LISTENER',
    `Another process listens on ${address}, the address of '${name}'; end it, or let the child listen elsewhere.`,
    { child: name },
  )
