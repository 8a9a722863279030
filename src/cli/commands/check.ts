import { findMissing } from '../../options/missing.ts'
import { realSys } from '../../sys.ts'
import { type Config, effective, type Plain } from '../config/model.ts'
import { readConfig } from '../config/read.ts'
import { writeYaml } from '../config/yaml.ts'
import { writeAll } from '../output/stdout.ts'
import { settingsOf, validateWithLibrary } from '../run/library-options.ts'

/** `spinner check`: validates a configuration and prints the effective result. Starts nothing. */
export async function checkConfig(options: {
  readonly config: string
  readonly env: string | null
  readonly json: boolean
}): Promise<number> {
  const config = readConfig(options.config, options.env)
  await validateWithLibrary(config)
  const warnings = (await missingFiles(config)).map(({ position, message }) =>
    options.json
      ? JSON.stringify({ event: 'warning', message: `${position}: ${message}` })
      : `${position}: warning: ${message}`,
  )
  // Print warnings to stderr, because stdout is a valid configuration.
  if (warnings.length > 0) await writeAll(process.stderr, `${warnings.join('\n')}\n`)
  const result = effective(config)
  await writeAll(process.stdout, options.json ? `${JSON.stringify(result, null, 2)}\n` : writeYaml(result))
  return 0
}

/** The reason why a child or a pool cannot start on this machine. */
interface Warning {
  /** File, line and column. */
  readonly position: string
  readonly message: string
}

/** Finds scripts, programs and folders of a configuration that do not exist. */
async function missingFiles({ children, pools, where }: Config): Promise<Warning[]> {
  const all: readonly (readonly [string, string, Plain])[] = [
    ...[...children].map(([name, options]) => ['children', name, options] as const),
    ...[...pools].map(([name, { options }]) => ['pools', name, options] as const),
  ]
  const warnings: Warning[] = []
  for (const [part, name, options] of all) {
    const missing = findMissing(realSys, await settingsOf(options, { name }))
    if (!missing) continue
    const message = `'${name}' cannot be started: ${missing.why}`
    warnings.push({ position: where(part, name, missing.option), message })
  }
  return warnings
}
