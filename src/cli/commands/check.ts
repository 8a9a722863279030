import { findMissing } from '../../options/missing.ts'
import { realSys } from '../../sys.ts'
import { type Config, effective, type Plain } from '../config/model.ts'
import { readConfig } from '../config/read.ts'
import { writeYaml } from '../config/yaml.ts'
import { writeAll } from '../output/stdout.ts'
import { settingsOf, tryAll } from '../run/library-options.ts'

/** `spinner check`: prints what a configuration comes to, once nothing is wrong with it. Starts nothing. */
export async function check(given: {
  readonly config: string
  readonly env: string | null
  readonly json: boolean
}): Promise<number> {
  const config = readConfig(given.config, given.env)
  await tryAll(config)
  const warnings = (await missing(config)).map(({ place, message }) =>
    given.json
      ? JSON.stringify({ event: 'warning', message: `${place}: ${message}` })
      : `${place}: warning: ${message}`,
  )
  // Not among what is printed, which is a configuration again.
  if (warnings.length > 0) await writeAll(process.stderr, `${warnings.join('\n')}\n`)
  const shown = effective(config)
  await writeAll(process.stdout, given.json ? `${JSON.stringify(shown, null, 2)}\n` : writeYaml(shown))
  return 0
}

/** Why a child or a pool could not be started here and now. */
export interface Warning {
  /** File, line and column. */
  readonly place: string
  readonly message: string
}

/** The scripts, programs and folders of a configuration that are not there. */
export async function missing({ children, pools, where }: Config): Promise<Warning[]> {
  const all: readonly (readonly [string, string, Plain])[] = [
    ...[...children].map(([name, options]) => ['children', name, options] as const),
    ...[...pools].map(([name, { options }]) => ['pools', name, options] as const),
  ]
  const warnings: Warning[] = []
  for (const [part, name, options] of all) {
    const lack = findMissing(realSys, await settingsOf(options, { name }))
    const message = `'${name}' cannot be started: ${lack?.why}`
    if (lack) warnings.push({ place: where(part, name, lack.option), message })
  }
  return warnings
}
