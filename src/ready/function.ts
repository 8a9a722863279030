import { targetOf } from '../probe.ts'
import type { Address, Child } from '../types/child.ts'
import { type Candidate, hasOwnPath } from './candidate.ts'

/** The user's function of the option `ready`. */
export type Decide = (child: Child, signal: AbortSignal) => unknown

/** Resolves when the user's function does, and rejects with what it throws. */
export async function whenDecided(candidate: Candidate, decide: Decide, signal: AbortSignal): Promise<void> {
  await decide(hasOwnPath(candidate) ? asNewProcess(candidate) : candidate.child, signal)
}

/** Creates a view of the child that shows the new process, because the old one may still be the child's. */
function asNewProcess({ address, child, process }: Candidate): Child {
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
