import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/model.ts'
import { readConfig } from '../config/read.ts'
import { stay } from '../run/foreground.ts'
import { tryAll } from '../run/library-options.ts'
import type { OutputStyle, TakeSignals } from '../run/source.ts'

/** What `spinner run` takes. */
export interface RunOptions extends OutputStyle {
  readonly config: string
  readonly env: string | null
}

/** Reads a configuration that has something to run, and that the library accepts. */
async function load({ config: file, env }: RunOptions): Promise<Config> {
  const config = readConfig(file, env)
  if (config.children.size + config.pools.size === 0) {
    const { environments } = config
    const others =
      env === null && environments.length > 0
        ? `; name an environment with -e: ${environments.join(', ')}`
        : ''
    throw new ConfigError([`${file}: there is nothing to run: no children and no pools${others}`])
  }
  await tryAll(config)
  return config
}

/** `spinner run`: starts all, and resolves with the exit code when all has ended. */
export const run = (options: RunOptions, takeSignals: TakeSignals): Promise<number> =>
  stay({ load: () => load(options), again: 'read the configuration again' }, options, takeSignals)
