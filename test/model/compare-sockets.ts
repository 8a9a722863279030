import type { ReferenceChild } from './reference-child.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Stage } from './stage.ts'

/** What does not hold of the sockets of those children whose next process is started first; `null` when all does. */
export function ofSockets(stage: Stage): string | null {
  for (const [name, it] of stage.reference.children) {
    const address = stage.spinner.child(name)?.address ?? null
    if (typeof address === 'string') stage.sockets.set(name, address)
    const socket = stage.sockets.get(name)
    const wrong = socket === undefined ? null : (ofPlace(stage, it, socket) ?? ofRest(stage, it, socket))
    if (wrong) return `of '${name}', which is ${it.state}, ${wrong}`
  }
  return null
}

/** Whoever serves is reached, and nobody is reached who does not live, as far as that is known. */
function ofPlace({ world, reference }: Stage, it: ReferenceChild, socket: string): string | null {
  if (!it.holdings.isThere) return null
  const owner = world.sockets.ownerOf(socket)
  if (it.state === 'started' && it.inForce.startFirst && owner?.pid !== it.process?.pid)
    return `the socket leads to ${owner?.pid} instead of ${it.process?.pid}`
  if (!it.isReplacing) return null
  if (owner === null || !it.all.some(({ pid }) => pid === owner.pid))
    return 'the socket leads to nobody of it'
  const known = reference.processes[world.processes.indexOf(owner as SimulatedProcess)]
  return owner.life.leader || !known?.ended ? null : `the socket leads to ${owner.pid}, which has ended`
}

/** At rest there is the one socket, and of a stopped child none. */
function ofRest({ world }: Stage, it: ReferenceChild, socket: string): string | null {
  const { all, state, step } = it
  const isAtRest =
    state === 'stopped' ||
    state === 'started' ||
    (state === 'faulted' && step === 'resting' && all.length === 0)
  const lies = world.sockets.names.filter((name) => name.startsWith(socket.replace(/sock$/, '')))
  const beside = lies.filter((name) => name !== socket || it.state === 'stopped')
  return isAtRest && beside.length > 0 ? `${beside.join(', ')} are left` : null
}
