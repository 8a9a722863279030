import type { Plain } from '../../config/model.ts'
import type { RubyValue } from './ruby-yaml.ts'

/** The result of converting one environment. */
export interface Converted {
  /** The environment as `spinner.yml` has it. */
  readonly environment: Plain
  /** Notes for the user: keys without a counterpart, and differences in behaviour. */
  readonly notes: readonly string[]
}

/** A value with which phantom-manager itself cannot work. */
export interface Unusable {
  readonly key: string
  readonly message: string
}

/** The keys without which phantom-manager starts nothing. */
export const REQUIRED_KEYS: readonly string[] = [
  'phantom_base_port',
  'phantom_processes_number',
  'phantom_command',
]

/** The name of the upstream, which phantom-manager does not let the user choose. */
const UPSTREAM = 'phantomjs'
/** Matches a path that a shell does not change. */
const PLAIN_PATH = /^[\w@%+=:,./-]+$/
/** Matches a command line that is only a program and its arguments, so that `exec` can run it. */
const SIMPLE_COMMAND = /^(?!\w+=)[\w@%+=:,./ '"-]+$/

/** Converts one environment. `relocate` converts a path to one that is relative to the new file. */
export class Environment {
  readonly unusable: Unusable[] = []
  readonly #values: ReadonlyMap<string, RubyValue>
  readonly #relocate: (path: string) => string
  readonly #notes: string[] = []
  readonly #used = new Set<string>()

  constructor(values: ReadonlyMap<string, RubyValue>, relocate: (path: string) => string) {
    this.#values = values
    this.#relocate = relocate
  }

  convert(): Converted {
    const pool = {
      size: this.#number('phantom_processes_number'),
      port: this.#number('phantom_base_port'),
      ...this.#program(),
      ...this.#faultTimeout(),
      ...this.#checks(),
    }
    const nginx = this.#nginx()
    for (const key of this.#values.keys()) {
      if (!this.#used.has(key)) this.#notes.push(`${key} was dropped: phantom-manager does not know this key`)
    }
    return { environment: { pools: { [UPSTREAM]: pool }, ...nginx }, notes: this.#notes }
  }

  #value(key: string): RubyValue {
    this.#used.add(key)
    return this.#values.get(key) ?? null
  }

  #number(key: string): number | undefined {
    const value = this.#value(key)
    if (value === null) return undefined
    if (typeof value === 'number' && value >= 0) return value
    this.unusable.push({ key, message: `\`${key}\` must be a number, but it is '${value}'` })
    return undefined
  }

  #text(key: string): string {
    return String(this.#value(key) ?? '')
  }

  /** Converts what phantom-manager runs in a shell: `cd rails_root && phantom_command PORT >>phantom_log_path 2>&1`. */
  #program(): Plain {
    const [root, log, command] = ['rails_root', 'phantom_log_path', 'phantom_command'].map((key) =>
      this.#text(key),
    )
    const isPath = PLAIN_PATH.test(root as string)
    // A relative path of the log is relative to the folder, which may need a shell to expand it.
    const isLogPath = PLAIN_PATH.test(log as string) && (isPath || (log as string).startsWith('/'))
    if (root === '')
      this.#notes.push('rails_root is empty: the children run in the home folder, as with phantom-manager')
    const exec = SIMPLE_COMMAND.test(command as string) ? 'exec ' : ''
    const into = log === '' || isLogPath ? '' : ` >>${log} 2>&1`
    const folder = isPath ? '' : `cd ${root} && `
    const cwd = isPath ? { cwd: this.#relocate(root as string) } : {}
    const file = isLogPath
      ? this.#relocate(isPath ? joined(root as string, log as string) : (log as string))
      : ''
    const output = isLogPath ? { stdout: file, stderr: file } : {}
    return { command: 'sh', args: ['-c', `${folder}${exec}${command} "$PORT"${into}`], ...cwd, ...output }
  }

  /** Converts the time after which phantom-manager starts a missing process again. */
  #faultTimeout(): Plain {
    const retries = this.#number('processes_check_retries')
    const interval = this.#number('processes_check_interval')
    if (retries === undefined || interval === undefined) {
      if (retries !== undefined || interval !== undefined)
        this.#notes.push(
          'processes_check_retries and processes_check_interval only work together; one alone was dropped',
        )
      return {}
    }
    this.#notes.push(
      `processes_check_retries and processes_check_interval: spinner restarts a crashed child immediately; only after several crashes in a row it waits ${retries * interval} s (\`faultTimeout\`)`,
    )
    return { faultTimeout: retries * interval }
  }

  #checks(): Plain {
    const checks = { ...this.#memory(), ...this.#responseTime() }
    return Object.keys(checks).length === 0 ? {} : { checks }
  }

  #memory(): Plain {
    const limit = this.#number('memory_limit')
    const timing = this.#timing('memory_retries', 'memory_check_interval')
    // The unit is KB of 1024 bytes, as in the output of ps.
    return limit === undefined ? {} : { memory: { limit: limit * 1024, ...timing } }
  }

  #responseTime(): Plain {
    const threshold = this.#number('response_time_threshold')
    const timing = this.#timing('response_time_check_retries', 'response_time_check_interval')
    const [path, host] = [this.#text('response_time_check_path'), this.#text('response_time_check_host')]
    if (threshold === undefined) return {}
    const headers = { ...(host === '' ? {} : { 'X-Backend-Host': host }), 'X-Phantom': 'true' }
    return { responseTime: { threshold, ...timing, path: path.startsWith('/') ? path : `/${path}`, headers } }
  }

  #timing(retriesKey: string, intervalKey: string): Plain {
    const [retries, interval] = [this.#number(retriesKey), this.#number(intervalKey)]
    return { ...(retries === undefined ? {} : { retries }), ...(interval === undefined ? {} : { interval }) }
  }

  /** Converts to `mode: 'block'`, because phantom-manager edits the configuration of nginx itself. */
  #nginx(): Plain {
    const [file, grace] = [this.#text('nginx_conf'), this.#number('phantom_termination_grace')]
    if (file === '') {
      this.#notes.push('nginx_conf is empty, so nginx and phantom_termination_grace were dropped')
      return {}
    }
    const ofGrace = grace === undefined ? {} : { grace }
    const nginx = {
      upstream: UPSTREAM,
      file: this.#relocate(file),
      mode: 'block',
      children: [UPSTREAM],
      params: ['fail_timeout=0'],
    }
    const defaults = { drainTimeout: (grace ?? 0) + RELOAD_TIMEOUT_S, stopTimeout: STOP_TIMEOUT_S }
    return { defaults, nginx: { ...nginx, ...ofGrace } }
  }
}

/** Seconds that nginx gets to stop using a process; requests to a hanging process would keep the drain waiting for ever. */
const RELOAD_TIMEOUT_S = 5
/** Seconds before the kill. The grace period is over by then, so a process that is still running hangs. */
const STOP_TIMEOUT_S = 2

const joined = (folder: string, file: string): string => (file.startsWith('/') ? file : `${folder}/${file}`)
