import { effective } from '../config/model.ts'
import { readConfig } from '../config/read.ts'
import { writeYaml } from '../config/yaml.ts'
import { say } from '../output/stdout.ts'
import { tryAll } from '../run/library-options.ts'
import { missing } from './missing.ts'

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
  if (warnings.length > 0) await say(process.stderr, `${warnings.join('\n')}\n`)
  const shown = effective(config)
  await say(process.stdout, given.json ? `${JSON.stringify(shown, null, 2)}\n` : writeYaml(shown))
  return 0
}
