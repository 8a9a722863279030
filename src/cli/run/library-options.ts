import { messageOf } from '../../errors.ts'
import type { ChildSettings, StartOptions } from '../../types/options.ts'
import type { Check, Plugin } from '../../types/plugin.ts'
import { ConfigError } from '../config/error.ts'
import type { Config, Plain } from '../config/model.ts'
import type { KeyPath } from '../config/nodes.ts'
import type { LogFiles } from '../output/log-files.ts'
import { gatewayOptions } from './gateway.ts'

type CheckName = 'memory' | 'responseTime' | 'command'

/**
 * Nobody uses a child of a command in the way that a program would: so it is never idle, and never gives way. Only one
 * that requests start sleeps when there are none.
 */
const KEPT = { idleTimeSec: -1, warm: true }

/** The options of one child, or of each child of a pool, as the library takes them. */
export async function startOptions(
  options: Plain,
  outlets: LogFiles,
  isLazy = false,
): Promise<Omit<StartOptions, 'name'>> {
  const { checks, ready, stdout, stderr, ...rest } = options
  return {
    ...(isLazy ? {} : KEPT),
    ...rest,
    stdout: outlets.open(stdout),
    stderr: outlets.open(stderr),
    ...(ready === undefined ? {} : { ready: readyOf(ready) }),
    ...(checks === undefined ? {} : { checks: await checksOf(checks as Plain) }),
  } as Omit<StartOptions, 'name'>
}

function readyOf(ready: unknown): unknown {
  const { output } = Object(ready) as { output?: string }
  return output === undefined ? ready : { output: new RegExp(output) }
}

async function checksOf(checks: Plain): Promise<Check[]> {
  const makers = (await import('../../checks/index.ts')) as unknown as Record<
    CheckName,
    (options: unknown) => Check
  >
  return Object.entries(checks).map(([name, options]) => makers[name as CheckName](options))
}

/** The plugin that one `nginx` of a file stands for. */
export async function nginxPlugin(options: Plain): Promise<Plugin> {
  const { nginx } = await import('../../nginx/index.ts')
  const { params } = options
  return nginx({
    ...options,
    ...(Array.isArray(params) ? { params: params.join(' ') } : {}),
  } as unknown as Parameters<typeof nginx>[0])
}

const SILENT: LogFiles = { open: () => null, reopen: () => {} }

/** The options of a child as the library completes them. Opens no files. */
export async function settingsOf(options: Plain, more: Plain): Promise<ChildSettings> {
  const { completeSettings: complete, readCall } = await import('../../options/normalise.ts')
  return complete(readCall({ ...(await startOptions(options, SILENT)), ...more }), {})
}

/** Lets the library read all that it would be given, and tells of what it refuses. Starts nothing. */
export async function tryAll({ children, gateway, pools, nginx, where }: Config): Promise<void> {
  const wrong: string[] = []
  const attempt = async (way: KeyPath, make: () => Promise<unknown>): Promise<void> => {
    try {
      await make()
    } catch (thrown) {
      wrong.push(`${where(...way)}: ${messageOf(thrown)}`)
    }
  }
  for (const [name, options] of children)
    await attempt(['children', name], () => settingsOf(options, { name }))
  for (const [name, { options, port }] of pools) {
    const listen = port === undefined ? {} : { listen: port }
    await attempt(['pools', name], () => settingsOf(options, { name, ...listen }))
  }
  for (const [index, options] of nginx.entries()) await attempt(['nginx', index], () => nginxPlugin(options))
  if (gateway)
    await attempt(['gateway'], async () => {
      const { readGateway } = await import('../../gateway/read-options.ts')
      readGateway(gatewayOptions({ gateway, pools }, null))
    })
  if (wrong.length > 0) throw new ConfigError(wrong)
}
