import type { Resources } from '../child/runtime.ts'
import type { Supervision } from '../child/supervisor.ts'
import type { Shared } from '../context.ts'

/** What lies inside a child, for the checks that come with spinner. */
export interface Inside {
  readonly shared: Shared
  readonly resources: Resources
  readonly supervision: Pick<Supervision, 'send'>
}
