import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { messageOf, SpinnerError } from '../errors.ts'
import { ConfigError } from './config/error.ts'
import { writeAll } from './output/stdout.ts'
import type { OnSignals } from './run/source.ts'

/** Exit code for wrong arguments and wrong files. */
const USAGE_ERROR = 2
const FAILURE = 1

/** Runs the command line. Resolves with the exit code. */
export async function main(args: readonly string[], onSignals: OnSignals): Promise<number> {
  // Ignore readers that stop early, because `spinner check | head -1` is not a failure. `spinner run` has its own listener.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  const outcome = { code: 0 }
  try {
    await createProgram(outcome, onSignals).parseAsync([...args], { from: 'user' })
    return outcome.code
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      await Promise.allSettled([writeAll(process.stdout, ''), writeAll(process.stderr, '')])
      return thrown.exitCode === 0 ? 0 : USAGE_ERROR
    }
    await writeAll(process.stderr, `${errorText(thrown)}\n`).catch(() => {})
    return thrown instanceof ConfigError ? USAGE_ERROR : FAILURE
  }
}

/** Shows a stack only for errors that are bugs of spinner. */
function errorText(thrown: unknown): string {
  if (thrown instanceof ConfigError) return thrown.message
  if (thrown instanceof SpinnerError) return thrown.message
  return thrown instanceof Error && !('code' in thrown) ? String(thrown.stack) : messageOf(thrown)
}

const version = (): string => {
  const { version: text } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(text)
}

/** The options of all sub-commands, as commander parses them. */
interface Flags {
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

/** Receives the exit code of a sub-command. */
interface Outcome {
  code: number
}

function createProgram(outcome: Outcome, onSignals: OnSignals): Command {
  const program = new Command('spinner')
    .description('Start child processes, keep them healthy, and leave nothing behind.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('Add --help for usage.')
    .exitOverride()
  addRun(program, outcome, onSignals)
  addUp(program, outcome, onSignals)
  addCheck(program, outcome)
  addInit(program, outcome)
  addImport(program, outcome)
  return program
}

const CONFIG = ['-c, --config <file>', 'configuration file', 'spinner.yml'] as const
const ENV = ['-e, --env <name>', 'environment of the configuration'] as const
const JSON_LINES = ['--json', 'print events as JSON lines'] as const
const NO_COLOR = ['--no-color', 'disable colours; so does the variable NO_COLOR'] as const
const FORCE = ['-f, --force', 'overwrite an existing file'] as const

function addRun(program: Command, outcome: Outcome, onSignals: OnSignals): void {
  program
    .command('run')
    .description('start all children and stay in the foreground')
    .option(...CONFIG)
    .option(...ENV)
    .option(...JSON_LINES)
    .option(...NO_COLOR)
    .addHelpText('after', RUN_HELP)
    .action(async ({ config, env = null, json = false, color }: Flags) => {
      const { run } = await import('./commands/run.ts')
      outcome.code = await run({ config, env, json, color }, onSignals)
    })
}

function addUp(program: Command, outcome: Outcome, onSignals: OnSignals): void {
  program
    .command('up')
    .description('serve every app of a folder at NAME.localhost, without a configuration')
    .argument('[folder]', 'folder that contains the apps', '.')
    .option('-p, --port <number>', 'port for all apps; 0 uses a free one', '8080')
    .option('--host <address>', 'address to bind (default: loopback)')
    .option('--idle <time>', 'stop an app after this time without requests, or -1 for never (default: 30m)')
    .option(...JSON_LINES)
    .option(...NO_COLOR)
    .addHelpText('after', UP_HELP)
    .action(async (folder: string, { port, host, idle, json = false, color }: Flags) => {
      const { up } = await import('./commands/up.ts')
      outcome.code = await up({ folder, port, host, idle, json, color }, onSignals)
    })
}

function addCheck(program: Command, outcome: Outcome): void {
  program
    .command('check')
    .description('validate a configuration and print the effective result')
    .option(...CONFIG)
    .option(...ENV)
    .option('--json', 'print JSON instead of YAML')
    .action(async ({ config, env = null, json = false }: Flags) => {
      const { checkConfig: check } = await import('./commands/check.ts')
      outcome.code = await check({ config, env, json })
    })
}

function addInit(program: Command, outcome: Outcome): void {
  program
    .command('init')
    .description('write an example configuration')
    .option('-o, --output <file>', 'output file', 'spinner.yml')
    .option(...FORCE)
    .action(async ({ output, force = false }: Flags) => {
      const { init } = await import('./commands/init.ts')
      outcome.code = await init(output, force)
    })
}

function addImport(program: Command, outcome: Outcome): void {
  program
    .command('import')
    .description('import the configuration of another program')
    .command('phantom-manager')
    .description('import a configuration of phantom-manager')
    .argument('<file>', 'configuration file of phantom-manager')
    .option('-e, --env <name>', 'import only this environment (default: all)')
    .option('-o, --output <file>', 'output file, - for stdout', 'spinner.yml')
    .option(...FORCE)
    .action(async (file: string, { env = null, output, force = false }: Flags) => {
      const { importPhantomManager } = await import('./commands/import/import.ts')
      outcome.code = await importPhantomManager({ file, env, output, force })
    })
}

const UP_HELP = `
An app is a .js, .cjs or .mjs file in the folder, or a sub-folder whose package.json has a start script. Its first
request starts it. It must listen on the port in the variable PORT. http://localhost:8080 lists all apps.
Ctrl-C stops them.`

const RUN_HELP = `
Signals:
  SIGUSR2          restart all children, one after another
  SIGHUP           reload the configuration and apply the changes
  SIGINT, SIGTERM  stop all children; a second signal kills them

Exit codes:
  0    after SIGTERM, or when all children have exited without an error
  1    something failed
  2    wrong arguments or a wrong configuration
  129  the terminal was closed
  130  after SIGINT
  143  a second SIGTERM killed the children`
