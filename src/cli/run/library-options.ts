import { messageOf } from '../../errors.ts'
import { readinessFromText } from '../../options/readiness.ts'
import type { ChildSettings, StartOptions } from '../../types/options.ts'
import type { Check, Plugin } from '../../types/plugin.ts'
import { ConfigError } from '../config/error.ts'
import type { Config, Plain } from '../config/model.ts'
import type { KeyPath } from '../config/nodes.ts'
import type { LoggerOf } from '../output/events.ts'
import { type LogFiles, NO_LOG_FILES } from '../output/log-files.ts'
import { gatewayOptions } from './gateway.ts'

type CheckName = 'memory' | 'responseTime' | 'command'

/** Where the output and the log lines of children go. */
export interface ChildIo {
  readonly logFiles: LogFiles
  readonly loggerOf: LoggerOf
}

/**
 * Defaults for children that run from the start. The command never uses a child as a program would, so without these
 * options every child would become idle, and could be stopped to make room for another.
 */
const ALWAYS_RUNNING = { idleTimeSec: -1, warm: true }

/** Converts the options of a child, or of each child of a pool, from the file to the library. */
export async function startOptions(
  options: Plain,
  logFiles: LogFiles,
  isLazy = false,
): Promise<Omit<StartOptions, 'name'>> {
  const { checks, ready, stdout, stderr, ...rest } = options
  return {
    ...(isLazy ? {} : ALWAYS_RUNNING),
    ...rest,
    stdout: logFiles.open(stdout),
    stderr: logFiles.open(stderr),
    ...(ready === undefined ? {} : { ready: readinessFromText(ready) }),
    ...(checks === undefined ? {} : { checks: await createChecks(checks as Plain) }),
  } as Omit<StartOptions, 'name'>
}

async function createChecks(checks: Plain): Promise<Check[]> {
  const factories = (await import('../../checks/index.ts')) as unknown as Record<
    CheckName,
    (options: unknown) => Check
  >
  return Object.entries(checks).map(([name, options]) => factories[name as CheckName](options))
}

/** Creates the plugin for one `nginx` of a file. */
export async function nginxPlugin(options: Plain): Promise<Plugin> {
  const { nginx } = await import('../../nginx/index.ts')
  const { params } = options
  return nginx({
    ...options,
    ...(Array.isArray(params) ? { params: params.join(' ') } : {}),
  } as unknown as Parameters<typeof nginx>[0])
}

/** Returns the options of a child with the library's defaults filled in. Opens no files. */
export async function settingsOf(options: Plain, more: Plain): Promise<ChildSettings> {
  const { completeSettings, readCall } = await import('../../options/normalise.ts')
  return completeSettings(readCall({ ...(await startOptions(options, NO_LOG_FILES)), ...more }), {})
}

/** Lets the library read every option of a configuration. Throws a ConfigError with all mistakes. Starts nothing. */
export async function validateWithLibrary({ children, gateway, pools, nginx, where }: Config): Promise<void> {
  const mistakes: string[] = []
  const attempt = async (path: KeyPath, read: () => Promise<unknown>): Promise<void> => {
    try {
      await read()
    } catch (thrown) {
      mistakes.push(`${where(...path)}: ${messageOf(thrown)}`)
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
  if (mistakes.length > 0) throw new ConfigError(mistakes)
}
