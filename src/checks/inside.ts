import type { Resources } from '../resources.ts'
import type { Shared } from '../shared.ts'
import type { Supervision } from '../supervision.ts'

/** What lies inside a child, for the checks that come with spinner. */
export interface Inside {
  readonly shared: Shared
  readonly resources: Resources
  readonly supervision: Pick<Supervision, 'send'>
}
