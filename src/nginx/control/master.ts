import path from 'node:path'
import { codeOf, messageOf, SpinnerError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import { parseConf } from '../conf/parser.ts'
import type { NginxSettings } from '../options.ts'
import { NginxNotRunning, runNginx } from './command.ts'
import type { Processes } from './processes.ts'

/** Program names of nginx and of its derivatives. */
const NGINX_PROGRAM = /^(nginx|freenginx|angie|openresty|tengine)(-debug)?$/

/** Creates the error for an nginx that does not run. */
export const notRunning = (why: string): NginxNotRunning =>
  new NginxNotRunning(
    'ERR_SPINNER_NOT_FOUND',
    `nginx is not running, so it cannot load the upstreams: ${why}. Start nginx, or set \`pid\` if its pid is in another file.`,
  )

/** Reads the pid of nginx's master from a file. Throws `NginxNotRunning` if no nginx has it (docs/hazards.md#h47). */
export async function findMaster(sys: Sys, processes: Processes, pidFile: string): Promise<number> {
  const text = await sys.fs.promises.readFile(pidFile, 'latin1').catch((thrown) => {
    const code = codeOf(thrown)
    throw notRunning(code === 'ENOENT' ? `'${pidFile}' does not exist` : messageOf(thrown))
  })
  const pid = Number(/^\s*([1-9]\d{0,8})\s*$/.exec(text)?.[1])
  if (!Number.isSafeInteger(pid)) throw notRunning(`'${pidFile}' does not contain a pid`)
  const program = await processes.programOf(pid)
  if (program === null) throw notRunning(`process ${pid} of '${pidFile}' does not exist`)
  if (!NGINX_PROGRAM.test(program))
    throw notRunning(`process ${pid} of '${pidFile}' is '${program}', not nginx`)
  return pid
}

/** Signals a master to load its configuration again. */
export function signalMaster(sys: Sys, pid: number): void {
  try {
    sys.kill(pid, 'SIGHUP')
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ESRCH') throw notRunning(`process ${pid} has just ended`)
    const why = `spinner cannot signal nginx (pid ${pid}): ${code ?? messageOf(thrown)}`
    const remedy =
      "run spinner as the user of nginx, or set `reload` to a command that has the permission, such as ['sudo', 'systemctl', 'reload', 'nginx']"
    throw new SpinnerError('ERR_SPINNER_INVALID_OPTION', `${why}; ${remedy}.`, { cause: thrown })
  }
}

/** Paths that were compiled into an nginx. */
interface BuildPaths {
  readonly prefix: string
  readonly conf: string
  readonly pid: string
}

const ARGUMENT = /--(prefix|conf-path|pid-path)=('[^']*'|"[^"]*"|\S+)/g

/** Parses the output of `nginx -V`. Paths that it does not contain are nginx's own defaults. */
export function parseBuildPaths(text: string): BuildPaths {
  const given = new Map<string, string>()
  for (const [, key = '', value = ''] of text.matchAll(ARGUMENT))
    given.set(key, value.replace(/^(['"])(.*)\1$/, '$2'))
  const prefix = given.get('prefix') ?? '/usr/local/nginx'
  const pathOf = (key: string, fallback: string): string => path.resolve(prefix, given.get(key) ?? fallback)
  return { prefix, conf: pathOf('conf-path', 'conf/nginx.conf'), pid: pathOf('pid-path', 'logs/nginx.pid') }
}

/** Returns the path of the pid file: from the option, from the configuration of nginx, or from its build. */
export async function pidFileOf(sys: Sys, settings: NginxSettings): Promise<string> {
  const { command, config, pid } = settings
  if (pid !== null) return pid
  const built = parseBuildPaths((await runNginx(sys, settings, ['-V'])).text)
  const prefix = path.resolve(flagOf(command, '-p') ?? built.prefix)
  const conf = config ?? path.resolve(prefix, flagOf(command, '-c') ?? built.conf)
  const configured = pidIn(flagOf(command, '-g') ?? '') ?? pidIn(await readOrEmpty(sys, conf))
  return path.resolve(prefix, configured ?? built.pid)
}

/** Returns the value of a flag of nginx, which may be joined to it: `-p /srv` or `-p/srv`. */
function flagOf(command: readonly string[], flag: string): string | undefined {
  const at = command.findIndex((word, index) => index > 0 && word.startsWith(flag))
  const word = command[at] ?? ''
  return at < 0 ? undefined : word === flag ? command[at + 1] : word.slice(flag.length)
}

function pidIn(text: string): string | undefined {
  try {
    return parseConf(text).find(({ words }) => words[0] === 'pid' && words.length === 2)?.words[1]
  } catch {
    // `nginx -t` reports what is wrong with the configuration.
    return undefined
  }
}

const readOrEmpty = ({ fs }: Sys, file: string): Promise<string> =>
  fs.promises.readFile(file, 'latin1').catch(() => '')
