import type { Address } from '../emitter.ts'
import type { Child } from './child.ts'

/** Restarts a child with the options that it has by now: a restart that is under way with others begins anew. */
export function renew(child: Child): Promise<Address | null> {
  const isUnderWay = child.state === 'restart'
  const renewed = child.restart()
  if (isUnderWay) child.inside.supervision.send({ type: 'changed', file: 'its configuration' })
  return renewed
}
