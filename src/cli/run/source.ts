import type { Place } from '../../gateway/index.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { Config } from '../config/model.ts'
import type { LoggerOf } from '../output/events.ts'
import type { Printer } from '../output/printer.ts'

/** Calls a listener for each SIGUSR2 and SIGHUP, including those that have already arrived. */
export type OnSignals = (listener: (signal: NodeJS.Signals) => void) => void

/** How the command prints. */
export interface OutputStyle {
  readonly json: boolean
  readonly color: boolean
}

/** The parts of the running command that a source uses. */
export interface CommandHost {
  readonly spinner: Spinner
  readonly printer: Printer
  readonly loggerOf: LoggerOf
  /** Loads the configuration again and applies it. */
  reload(): void
}

/** The origin of configurations: a file, or a folder of apps. */
export interface Source {
  /** Loads a configuration that can be run. Throws a ConfigError if there is none. */
  load(): Promise<Config>
  /** The message that a configuration was loaded again. */
  readonly reloaded: string
  /** Called before the first configuration is applied. */
  begin?(host: CommandHost): void
  /** Called after each configuration is applied, with the address of the gateway. */
  applied?(address: Place | null): void
}
