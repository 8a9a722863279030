import { codeOf, messageOf, SpinnerError } from '../../errors.ts'
import type { Sys } from '../../sys.ts'
import { Absent } from './command.ts'
import type { Processes } from './processes.ts'

/** What nginx is called, by those who build it. */
const NAMES = /^(nginx|freenginx|angie|openresty|tengine)(-debug)?$/

export const notRunning = (why: string): Absent =>
  new Absent(
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
