import path from 'node:path'
import { codeOf, messageOf, SpinnerError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import { statementsOf } from '../conf/parser.ts'
import type { NginxSettings } from '../options.ts'
import { NginxNotRunning, runNginx } from './command.ts'
import type { Processes } from './processes.ts'

/** What nginx is called, by those who build it. */
const NAMES = /^(nginx|freenginx|angie|openresty|tengine)(-debug)?$/

export const notRunning = (why: string): NginxNotRunning =>
  new NginxNotRunning(
    'ERR_SPINNER_NOT_FOUND',
    `nginx is not running, so it is not told of the upstreams: ${why}. Start it, or give \`pid\` when its pid is in another file.`,
  )

/** The pid in a file, if that is an nginx that runs; throws `Absent` otherwise (docs/hazards.md#h47). */
export async function findMaster(sys: Sys, processes: Processes, pidFile: string): Promise<number> {
  const text = await sys.fs.promises.readFile(pidFile, 'latin1').catch((thrown) => {
    const code = codeOf(thrown)
    throw notRunning(code === 'ENOENT' ? `'${pidFile}' does not exist` : messageOf(thrown))
  })
  const pid = Number(/^\s*([1-9]\d{0,8})\s*$/.exec(text)?.[1])
  if (!Number.isSafeInteger(pid)) throw notRunning(`'${pidFile}' holds no pid`)
  const program = await processes.programOf(pid)
  if (program === null) throw notRunning(`the process ${pid} of '${pidFile}' is gone`)
  if (!NAMES.test(program)) throw notRunning(`the process ${pid} of '${pidFile}' is '${program}', not nginx`)
  return pid
}

/** Tells a master to read its configuration again. */
export function signalMaster(sys: Sys, pid: number): void {
  try {
    sys.kill(pid, 'SIGHUP')
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ESRCH') throw notRunning(`the process ${pid} has just ended`)
    const why = `the nginx of pid ${pid} may not be signalled (${code ?? messageOf(thrown)})`
    const todo =
      "run as its user, or give `reload` a command that may, such as ['sudo', 'systemctl', 'reload', 'nginx']"
    throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', `${why}; ${todo}.`, { cause: thrown })
  }
}

/** What was built into an nginx. */
interface Built {
  readonly prefix: string
  readonly conf: string
  readonly pid: string
}

const ARGUMENT = /--(prefix|conf-path|pid-path)=('[^']*'|"[^"]*"|\S+)/g

/** What `nginx -V` says, with nginx's own defaults for what it does not. */
export function parseBuilt(text: string): Built {
  const given = new Map<string, string>()
  for (const [, key = '', value = ''] of text.matchAll(ARGUMENT))
    given.set(key, value.replace(/^(['"])(.*)\1$/, '$2'))
  const prefix = given.get('prefix') ?? '/usr/local/nginx'
  const within = (key: string, otherwise: string): string => path.resolve(prefix, given.get(key) ?? otherwise)
  return { prefix, conf: within('conf-path', 'conf/nginx.conf'), pid: within('pid-path', 'logs/nginx.pid') }
}

/** Where the file with the pid of the master is: as given, as the configuration says, or as nginx was built. */
export async function pidFileOf(sys: Sys, settings: NginxSettings): Promise<string> {
  const { command, config, pid } = settings
  if (pid !== null) return pid
  const built = parseBuilt((await runNginx(sys, settings, ['-V'])).text)
  const prefix = path.resolve(flagOf(command, '-p') ?? built.prefix)
  const conf = config ?? path.resolve(prefix, flagOf(command, '-c') ?? built.conf)
  const said = pidIn(flagOf(command, '-g') ?? '') ?? pidIn(await textOf(sys, conf))
  return path.resolve(prefix, said ?? built.pid)
}

/** What follows a flag of nginx's, be it joined or not. */
function flagOf(command: readonly string[], flag: string): string | undefined {
  const at = command.findIndex((word, index) => index > 0 && word.startsWith(flag))
  const word = command[at] ?? ''
  return at < 0 ? undefined : word === flag ? command[at + 1] : word.slice(flag.length)
}

function pidIn(text: string): string | undefined {
  try {
    return statementsOf(text).find(({ words }) => words[0] === 'pid' && words.length === 2)?.words[1]
  } catch {
    // nginx itself will say what is wrong with it.
    return undefined
  }
}

const textOf = ({ fs }: Sys, file: string): Promise<string> =>
  fs.promises.readFile(file, 'latin1').catch(() => '')
