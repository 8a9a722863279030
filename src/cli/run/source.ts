import type { Place } from '../../gateway/index.ts'
import type { Spinner } from '../../types/spinner.ts'
import type { Config } from '../config/model.ts'
import type { Printer } from '../output/printer.ts'

/** Hands over what SIGUSR2 and SIGHUP came so far, and every later one. */
export type TakeSignals = (listener: (signal: NodeJS.Signals) => void) => void

/** How the command prints. */
export interface OutputStyle {
  readonly json: boolean
  readonly color: boolean
}

/** What a source may look at, and how it asks for being read once more. */
export interface CommandHost {
  readonly spinner: Spinner
  readonly printer: Printer
  reload(): void
}

/** Where configurations come from. */
export interface Source {
  /** Reads one that can be run, or throws a ConfigError. */
  load(): Promise<Config>
  /** What is said when it was read once more. */
  readonly again: string
  /** Is called before the first is applied. */
  begin?(host: CommandHost): void
  /** Is called whenever one is applied, with where requests come from. */
  applied?(place: Place | null): void
}
