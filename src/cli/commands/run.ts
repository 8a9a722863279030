import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/model.ts'
import { readConfig } from '../config/read.ts'
import { runInForeground } from '../run/foreground.ts'
import { validateWithLibrary } from '../run/library-options.ts'
import type { OnSignals, OutputStyle } from '../run/source.ts'

/** The options of `spinner run`. */
export interface RunOptions extends OutputStyle {
  readonly config: string
  readonly env: string | null
}

/** `spinner run`: starts all children. Resolves with the exit code when all have ended. */
export function run(options: RunOptions, onSignals: OnSignals): Promise<number> {
  const source = { load: () => load(options), reloaded: 'configuration reloaded' }
  return runInForeground(source, options, onSignals)
}

/** Reads a configuration, and makes sure that it has something to run and that the library accepts it. */
async function load({ config: file, env }: RunOptions): Promise<Config> {
  const config = readConfig(file, env)
  if (config.children.size + config.pools.size === 0) {
    const { environments } = config
    const remedy =
      env === null && environments.length > 0
        ? `; choose an environment with -e: ${environments.join(', ')}`
        : ''
    throw new ConfigError([`${file}: nothing to run: there are no children and no pools${remedy}`])
  }
  await validateWithLibrary(config)
  return config
}
