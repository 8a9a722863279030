import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { messageOf, SpinnerError } from '../errors.ts'
import { ConfigError } from './config/error.ts'
import { writeAll } from './output/stdout.ts'
import type { TakeSignals } from './run/source.ts'

/** Something was used wrongly: the words, or the file. */
const WRONG_USE = 2
const FAILED = 1

/** Carries out what was asked for on the command line, and gives the exit code. */
export async function main(args: readonly string[], takeSignals: TakeSignals): Promise<number> {
  // Who stops reading has seen enough: `spinner check | head -1` is no failure. `spinner run` listens itself as well.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  const outcome = { code: 0 }
  try {
    await commands(outcome, takeSignals).parseAsync([...args], { from: 'user' })
    return outcome.code
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      await Promise.allSettled([writeAll(process.stdout, ''), writeAll(process.stderr, '')])
      return thrown.exitCode === 0 ? 0 : WRONG_USE
    }
    await writeAll(process.stderr, `${wordsOf(thrown)}\n`).catch(() => {})
    return thrown instanceof ConfigError ? WRONG_USE : FAILED
  }
}

/** A stack is for us; people get what happened. */
function wordsOf(thrown: unknown): string {
  if (thrown instanceof ConfigError) return thrown.message
  if (thrown instanceof SpinnerError) return thrown.message
  return thrown instanceof Error && !('code' in thrown) ? String(thrown.stack) : messageOf(thrown)
}

const version = (): string => {
  const { version: text } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(text)
}

interface Given {
  readonly config: string
  readonly env?: string | null
  readonly json?: boolean
  readonly color: boolean
  readonly force?: boolean
  readonly output: string
  readonly port: string
  readonly host?: string
  readonly idle?: string
}

function commands(outcome: { code: number }, takeSignals: TakeSignals): Command {
  const program = new Command('spinner')
    .description('Starts the children of a configuration, keeps them healthy, and leaves nothing behind.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('Add --help to see what there is.')
    .exitOverride()
  addRun(program, outcome, takeSignals)
  addUp(program, outcome, takeSignals)
  addCheck(program, outcome)
  addInit(program, outcome)
  addImport(program, outcome)
  return program
}

const CONFIG = ['-c, --config <file>', 'the configuration', 'spinner.yml'] as const
const JSON_LINES = ['--json', 'print a line of JSON for whatever happens'] as const
const NO_COLOR = ['--no-color', 'print without colours; so does the variable NO_COLOR'] as const
const ENV = ['-e, --env <name>', 'the environment of the configuration'] as const

function addRun(program: Command, outcome: { code: number }, takeSignals: TakeSignals): void {
  program
    .command('run')
    .description('start everything and stay in the foreground')
    .option(...CONFIG)
    .option(...ENV)
    .option(...JSON_LINES)
    .option(...NO_COLOR)
    .addHelpText('after', SIGNALS)
    .action(async ({ config, env = null, json = false, color }: Given) => {
      const { run } = await import('./commands/run.ts')
      outcome.code = await run({ config, env, json, color }, takeSignals)
    })
}

function addUp(program: Command, outcome: { code: number }, takeSignals: TakeSignals): void {
  program
    .command('up')
    .description('serve every app of a folder at NAME.localhost, without a configuration')
    .argument('[folder]', 'where the apps are', '.')
    .option('-p, --port <number>', 'the port of all of them; 0 takes a free one', '8080')
    .option('--host <address>', 'listen there, instead of on this machine only')
    .option('--idle <time>', 'how long an app stays up without requests: 10m, or -1 for ever (default: 30m)')
    .option(...JSON_LINES)
    .option(...NO_COLOR)
    .addHelpText('after', APPS)
    .action(async (folder: string, { port, host, idle, json = false, color }: Given) => {
      const { up } = await import('./commands/up.ts')
      outcome.code = await up({ folder, port, host, idle, json, color }, takeSignals)
    })
}

function addCheck(program: Command, outcome: { code: number }): void {
  program
    .command('check')
    .description('say what is wrong with a configuration, or print what it comes to')
    .option(...CONFIG)
    .option(...ENV)
    .option('--json', 'print it as JSON')
    .action(async ({ config, env = null, json = false }: Given) => {
      const { check } = await import('./commands/check.ts')
      outcome.code = await check({ config, env, json })
    })
}

function addInit(program: Command, outcome: { code: number }): void {
  program
    .command('init')
    .description('write a configuration to begin with')
    .option('-o, --output <file>', 'where it is written', 'spinner.yml')
    .option('-f, --force', 'write over what is there')
    .action(async ({ output, force = false }: Given) => {
      const { init } = await import('./commands/init.ts')
      outcome.code = await init(output, force)
    })
}

function addImport(program: Command, outcome: { code: number }): void {
  program
    .command('import')
    .description('make a configuration out of that of another program')
    .command('phantom-manager')
    .description("make a configuration out of phantom-manager's")
    .argument('<file>', "phantom-manager's configuration")
    .option('-e, --env <name>', 'this environment only; without it, all of them')
    .option('-o, --output <file>', 'where it is written; - prints it', 'spinner.yml')
    .option('-f, --force', 'write over what is there')
    .action(async (file: string, { env = null, output, force = false }: Given) => {
      const { importPhantomManager } = await import('./commands/import/import.ts')
      outcome.code = await importPhantomManager({ file, env, output, force })
    })
}

const APPS = `
An app is a .js, .cjs or .mjs file of the folder, or a sub-folder whose package.json has a start script. Its first
request starts it, on the port in its variable PORT. http://localhost:8080 lists them. Ctrl-C ends all of them.`

const SIGNALS = `
Signals:
  SIGUSR2          restarts everything, one after another
  SIGHUP           reads the configuration again and applies what has changed
  SIGINT, SIGTERM  stop everything; a second one kills what is left

It ends with 0 after SIGTERM and when all has ended well by itself, 130 after SIGINT, 129 when its terminal is
closed, 143 when a second SIGTERM had to kill, 1 when something failed, and 2 for wrong use or configuration.`
