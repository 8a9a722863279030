import { lackOf } from '../../options/missing.ts'
import { realSys } from '../../sys.ts'
import type { Config, Plain } from '../config/model.ts'
import { settingsOf } from '../run/library-options.ts'

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
    const lack = lackOf(realSys, await settingsOf(options, { name }))
    const message = `'${name}' cannot be started: ${lack?.why}`
    if (lack) warnings.push({ place: where(part, name, lack.option), message })
  }
  return warnings
}
