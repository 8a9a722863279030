import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'

/**
 * What belongs to the host alone: sockets, channels and roles that a child must not take for its own
 * (docs/hazards.md#h25).
 */
const PRIVATE =
  /^(NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|LISTEN_(PID|FDS|FDNAMES)|NODE_CHANNEL_\w+|NODE_UNIQUE_ID|npm_lifecycle_\w+|SPINNER_\w+)$/

/** The host's own address is no child's: a worker that took it for its own would clash with the host. */
const isPrivate = (key: string): boolean => key === 'PORT' || key === 'port' || PRIVATE.test(key)

/** A debugger's port can be held by one process only. */
const INSPECT = /(^|\s)--inspect[\w-]*(=\S+)?(?=\s|$)/g

/** The environment of a child. `PORT` and `port` come last, so that nothing shadows them. */
export function environmentFor(
  settings: Pick<ChildSettings, 'env' | 'extendEnv'>,
  host: NodeJS.ProcessEnv,
  address: Address | null,
  mark: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  // Without a prototype, since a variable may be called `__proto__`.
  const env: NodeJS.ProcessEnv = Object.create(null)
  for (const [key, value] of Object.entries(host)) {
    if (inherits(settings.extendEnv, key) && !isPrivate(key)) env[key] = value
  }
  if (env['NODE_OPTIONS']) env['NODE_OPTIONS'] = env['NODE_OPTIONS'].replace(INSPECT, '').trim()
  for (const [key, value] of Object.entries(settings.env)) {
    if (value === undefined) delete env[key]
    else env[key] = value
  }
  Object.assign(env, mark)
  if (address !== null) Object.assign(env, { PORT: String(address), port: String(address) })
  return env
}

function inherits(extendEnv: boolean | readonly string[], key: string): boolean {
  if (key.toUpperCase() === 'PATH') return true
  return typeof extendEnv === 'boolean' ? extendEnv : extendEnv.includes(key)
}
