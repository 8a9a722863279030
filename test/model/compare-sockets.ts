import type { ReferenceChild } from './reference-child.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Stage } from './stage.ts'

/** Checks the sockets of the children with `start-first`. Returns what does not hold; `null` if everything does. */
export function ofSockets(stage: Stage): string | null {
  for (const [name, it] of stage.reference.children) {
    const address = stage.spinner.child(name)?.address ?? null
    if (typeof address === 'string') stage.sockets.set(name, address)
    const socket = stage.sockets.get(name)
    const wrong = socket === undefined ? null : (ofPlace(stage, it, socket) ?? ofRest(stage, it, socket))
    if (wrong) return `'${name}' is ${it.state}, and ${wrong}`
  }
  return null
}

/** Checks that the socket leads to the process that serves, and not to a process that is known to have exited. */
function ofPlace({ world, reference }: Stage, it: ReferenceChild, socket: string): string | null {
  if (!it.holdings.socketExists) return null
  const owner = world.sockets.ownerOf(socket)
  if (it.state === 'started' && it.inForce.startFirst && owner?.pid !== it.process?.pid)
    return `the socket leads to ${owner?.pid} instead of ${it.process?.pid}`
  if (!it.isReplacing) return null
  if (owner === null || !it.all.some(({ pid }) => pid === owner.pid))
    return 'the socket leads to no process of the child'
  const known = reference.processes[world.processes.indexOf(owner as SimulatedProcess)]
  return owner.groupState.leader || !known?.ended
    ? null
    : `the socket leads to ${owner.pid}, which has exited`
}

/** Checks that a child at rest has one socket, and a stopped child none. */
function ofRest({ world }: Stage, it: ReferenceChild, socket: string): string | null {
  const { all, state, step } = it
  const isAtRest =
    state === 'stopped' ||
    state === 'started' ||
    (state === 'faulted' && step === 'resting' && all.length === 0)
  const present = world.sockets.names.filter((name) => name.startsWith(socket.replace(/sock$/, '')))
  const extra = present.filter((name) => name !== socket || it.state === 'stopped')
  return isAtRest && extra.length > 0 ? `${extra.join(', ')} are left` : null
}
