import fc from 'fast-check'
import { type Command, commands, type Setting, setting } from './commands.ts'
import { play } from './play.ts'

/** Numbers of runs and commands, without those of the shrinking. */
export interface Figures {
  runs: number
  commands: number
}

/** A shrunk counterexample as text, with the seed and the path that repeat it. */
export interface Found {
  readonly seed: number
  readonly path: string
  readonly text: string
}

export interface Wanted {
  readonly runs: number
  readonly seed: number
  /** The path of a counterexample; empty for none. */
  readonly path: string
}

/** Searches for commands after which the product and the model differ. Returns `null` if there are none. */
export async function search(
  { path, runs, seed }: Wanted,
  figures: Figures,
  onRun: () => void = () => {},
): Promise<Found | null> {
  let failed = false
  const escaped: unknown[] = []
  const onEscape = (thrown: unknown): void => void escaped.push(thrown)
  process.on('uncaughtException', onEscape)
  process.on('unhandledRejection', onEscape)
  const property = fc.asyncProperty(setting, commands, async (given, list) => {
    if (!failed) {
      figures.runs++
      figures.commands += list.length
      onRun()
    }
    try {
      await play(given, list)
      if (escaped.length > 0) throw escaped[0]
    } catch (thrown) {
      failed = true
      escaped.length = 0
      throw thrown
    }
  })
  const where = path === '' ? {} : { path }
  const { counterexample, counterexamplePath, errorInstance } = await fc.check(property, {
    numRuns: runs,
    seed,
    ...where,
  })
  process.off('uncaughtException', onEscape)
  process.off('unhandledRejection', onEscape)
  if (!counterexample) return null
  return { seed, path: counterexamplePath ?? '', text: inWords(counterexample, errorInstance) }
}

function inWords([given, list]: [Setting, Command[]], thrown: unknown): string {
  const lines = list.map((command) => `    ${JSON.stringify(command)},`)
  const why = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  return [`setting: ${JSON.stringify(given)}`, 'commands: [', ...lines, ']', why].join('\n')
}
