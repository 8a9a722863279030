import path from 'node:path'
import type { Sys } from '../../sys.ts'
import { statementsOf } from '../conf/parser.ts'
import type { NginxSettings } from '../options.ts'
import { runNginx } from './command.ts'

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
