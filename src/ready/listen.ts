import { type Owner, ownerOf } from '../address/owner.ts'
import { accepts, targetOf, whoAnswers } from '../address/probe.ts'
import { SpinnerError } from '../errors.ts'
import type { Address } from '../events.ts'
import { socketsOf } from '../process/procfs.ts'
import type { Sys, Target } from '../sys.ts'
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
  /** The address is a socket in a folder that no other user can reach, made for this one host. */
  readonly isPrivate: boolean
  /** How many sockets it was given at birth, besides its standard streams. */
  readonly channels: number
}

/** Resolves with the target at which the process, and nobody else, accepts. */
export function whenListening(
  sys: Sys,
  child: Listening,
  watch: SocketWatch,
  signal: AbortSignal,
): Promise<Target> {
  const { address } = child
  return typeof address === 'string'
    ? whenSocket(sys, child, address, watch, signal)
    : whenPort(sys, child, address, signal)
}

async function whenSocket(
  sys: Sys,
  child: Listening,
  socket: string,
  watch: SocketWatch,
  signal: AbortSignal,
): Promise<Target> {
  const target = targetOf(socket)
  const since = sys.clock.now()
  for (;;) {
    signal.throwIfAborted()
    if (sys.platform === 'win32' || sys.fs.existsSync(socket)) {
      const owner = isPlausible(sys, child) ? 'unknown' : await ownerSurely(sys, child, target)
      if (owner === 'ours' || (owner === 'unknown' && (await accepts(sys, target)))) return target
    }
    // Bound but not listening yet: nothing more will be seen of it in the folder.
    if (sys.fs.existsSync(socket)) await sys.pause(nextLook(sys.clock.now() - since))
    else await watch.next(socket, signal)
  }
}

/**
 * Nobody comes upon a private path by accident, so a child that holds a socket of its own is believed when the path
 * accepts. The table of all unix sockets grows with every child, and would be read at each start.
 */
const isPlausible = (sys: Sys, { channels, isPrivate, pid }: Listening): boolean =>
  isPrivate && sys.platform === 'linux' && socketsOf(sys, pid, 3).size > channels

/** A table of all TCP sockets is dear to read, so first something must answer. */
async function whenPort(sys: Sys, child: Listening, port: number, signal: AbortSignal): Promise<Target> {
  const since = sys.clock.now()
  for (;;) {
    signal.throwIfAborted()
    const target = await whoAnswers(sys, port)
    if (target && (await ownerSurely(sys, child, target)) !== 'nobody') return target
    await sys.pause(nextLook(sys.clock.now() - since))
  }
}

/** Whose it is; throws when it is certain that it is somebody else's. */
async function ownerSurely(sys: Sys, child: Listening, target: Target): Promise<Owner> {
  const owner = await ownerOf(sys, target, child.pid)
  if (owner !== 'foreign') return owner
  // A process that is dying holds its socket a moment longer than its descriptors.
  await sys.pause(LONGEST_LOOK_MS)
  const again = await ownerOf(sys, target, child.pid)
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
