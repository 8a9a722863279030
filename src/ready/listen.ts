import { ownerOf } from '../address/owner.ts'
import { accepts, targetOf, whoAnswers } from '../address/probe.ts'
import { SpinnerError } from '../errors.ts'
import type { Address } from '../events.ts'
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
}

/** Resolves with the target at which the process, and nobody else, accepts. */
export async function whenListening(
  sys: Sys,
  child: Listening,
  watch: SocketWatch,
  signal: AbortSignal,
): Promise<Target> {
  const { address } = child
  const target =
    typeof address === 'string'
      ? await whenSocket(sys, address, watch, signal)
      : await whenPort(sys, address, signal)
  let owner = await ownerOf(sys, target, child.pid)
  if (owner === 'foreign') {
    // A process that is dying holds its socket a moment longer than its descriptors.
    await sys.pause(LONGEST_LOOK_MS)
    owner = await ownerOf(sys, target, child.pid)
  }
  signal.throwIfAborted()
  if (owner === 'foreign') throw foreign(child)
  // It had gone again by the time we looked: begin anew.
  if (owner === 'nobody') return whenListening(sys, child, watch, signal)
  return target
}

async function whenPort(sys: Sys, port: number, signal: AbortSignal): Promise<Target> {
  const since = sys.clock.now()
  for (;;) {
    signal.throwIfAborted()
    const target = await whoAnswers(sys, port)
    if (target) return target
    await sys.pause(nextLook(sys.clock.now() - since))
  }
}

async function whenSocket(
  sys: Sys,
  socket: string,
  watch: SocketWatch,
  signal: AbortSignal,
): Promise<Target> {
  const target = targetOf(socket)
  for (;;) {
    signal.throwIfAborted()
    if ((sys.platform === 'win32' || sys.fs.existsSync(socket)) && (await accepts(sys, target))) return target
    await watch.next(socket, signal)
  }
}

const nextLook = (waited: number): number =>
  Math.min(Math.max(waited * SHARE_OF_WAIT, SHORTEST_LOOK_MS), LONGEST_LOOK_MS)

const foreign = ({ name, address }: Listening): SpinnerError =>
  new SpinnerError(
    'ERR_SPINNER_FOREIGN_LISTENER',
    `Another process listens on ${address}, the address of '${name}'; end it, or let the child listen elsewhere.`,
    { child: name },
  )
