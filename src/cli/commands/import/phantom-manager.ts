import type { Plain } from '../../config/model.ts'
import type { RubyValue } from './ruby-yaml.ts'

/** What became of one environment of phantom-manager's. */
export interface Converted {
  /** What it is in `spinner.yml`. */
  readonly environment: Plain
  /** What a person must know: keys that have no counterpart, and what is done in another way. */
  readonly notes: readonly string[]
}

/** A value that phantom-manager could not have worked with. */
export interface Unusable {
  readonly key: string
  readonly message: string
}

/** Without these phantom-manager starts nothing. */
export const NEEDED: readonly string[] = ['phantom_base_port', 'phantom_processes_number', 'phantom_command']

/** The name of the upstream was fixed. */
const UPSTREAM = 'phantomjs'
/** What a shell would take for more than a path. */
const PATH = /^[\w@%+=:,./-]+$/
/** What a shell would take for more than a program and its arguments. */
const SIMPLE = /^(?!\w+=)[\w@%+=:,./ '"-]+$/

/** One environment as phantom-manager read it, and how its paths are written in the new file. */
export class Environment {
  readonly unusable: Unusable[] = []
  readonly #values: ReadonlyMap<string, RubyValue>
  readonly #place: (path: string) => string
  readonly #notes: string[] = []
  readonly #used = new Set<string>()

  constructor(values: ReadonlyMap<string, RubyValue>, place: (path: string) => string) {
    this.#values = values
    this.#place = place
  }

  convert(): Converted {
    const pool = {
      size: this.#number('phantom_processes_number'),
      port: this.#number('phantom_base_port'),
      ...this.#program(),
      ...this.#patience(),
      ...this.#checks(),
    }
    const nginx = this.#nginx()
    for (const key of this.#values.keys()) {
      if (!this.#used.has(key))
        this.#notes.push(`${key} has no counterpart: phantom-manager does not know it either`)
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

  /** It was `cd rails_root && phantom_command PORT >>phantom_log_path 2>&1`, in a shell. */
  #program(): Plain {
    const [root, log, command] = ['rails_root', 'phantom_log_path', 'phantom_command'].map((key) =>
      this.#text(key),
    )
    const isPath = PATH.test(root as string)
    // A relative one counts from the folder, which only the shell may know.
    const isLogPath = PATH.test(log as string) && (isPath || (log as string).startsWith('/'))
    if (root === '')
      this.#notes.push('rails_root is empty: as with phantom-manager, the children run in the home folder')
    const exec = SIMPLE.test(command as string) ? 'exec ' : ''
    const into = log === '' || isLogPath ? '' : ` >>${log} 2>&1`
    const folder = isPath ? '' : `cd ${root} && `
    const cwd = isPath ? { cwd: this.#place(root as string) } : {}
    const file = isLogPath
      ? this.#place(isPath ? joined(root as string, log as string) : (log as string))
      : ''
    const output = isLogPath ? { stdout: file, stderr: file } : {}
    return { command: 'sh', args: ['-c', `${folder}${exec}${command} "$PORT"${into}`], ...cwd, ...output }
  }

  /** A process that was missing was brought up after so many looks. */
  #patience(): Plain {
    const retries = this.#number('processes_check_retries')
    const interval = this.#number('processes_check_interval')
    if (retries === undefined || interval === undefined) {
      if (retries !== undefined || interval !== undefined)
        this.#notes.push(
          'processes_check_retries and processes_check_interval count together only; the one alone is left out',
        )
      return {}
    }
    this.#notes.push(
      `processes_check_retries and processes_check_interval: a child that crashed is brought back at once; only after crashes in a row it waits for ${retries * interval} s, as \`faultTimeout\``,
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
    // In KB, as ps tells it: these have 1024 bytes.
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

  /** The upstream was rewritten line by line in the configuration itself. */
  #nginx(): Plain {
    const [file, grace] = [this.#text('nginx_conf'), this.#number('phantom_termination_grace')]
    if (file === '') {
      this.#notes.push('nginx_conf is empty, so nginx is left out, and phantom_termination_grace with it')
      return {}
    }
    const ofGrace = grace === undefined ? {} : { grace }
    const nginx = {
      upstream: UPSTREAM,
      file: this.#place(file),
      mode: 'block',
      children: [UPSTREAM],
      params: ['fail_timeout=0'],
    }
    const defaults = { drainTimeout: (grace ?? 0) + RELOAD_TIMEOUT, stopTimeout: STOP_TIMEOUT }
    return { defaults, nginx: { ...nginx, ...ofGrace } }
  }
}

/** So long nginx may take to forget a process; the requests that a hanging one holds would keep it for ever. */
const RELOAD_TIMEOUT = 5
/** The grace is over by then: what has not ended hangs, and is missed until it is killed. */
const STOP_TIMEOUT = 2

const joined = (folder: string, file: string): string => (file.startsWith('/') ? file : `${folder}/${file}`)
