import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { until } from './host.ts'
import { PATH } from './needs.ts'

/** A real nginx with its own prefix, configuration and port. */
export interface Nginx {
  /** Its prefix. Paths in its configuration are relative to it. */
  readonly folder: string
  readonly conf: string
  readonly pidFile: string
  /** A free port on loopback, for the `server` of the configuration. */
  readonly port: number
  readonly target: { readonly host: string; readonly port: number }
  /** Command of this nginx with its prefix: `[...command, '-t', '-c', conf]` tests the configuration. */
  readonly command: readonly string[]
  /** Pid of the master; 0 if it does not run. */
  readonly pid: number
  /** Returns the pids of its living workers, including those that are shutting down. */
  workers(): number[]
  /** Returns the number of generations of workers: one at the start, and one more for each successful reload. */
  generations(): number
  /** Returns the number of SIGHUPs, even of those without effect. */
  reloads(): number
  errorLog(): string
  /** Starts nginx, also after a stop. */
  start(): Promise<void>
  /** Ends the master and its workers at once. */
  stop(): Promise<void>
}

/** The port and the folder that a configuration can use. */
export interface Place {
  readonly port: number
  readonly folder: string
}

const FIRST_PORT = 12_000
const PORTS = 7_000
const running = new Set<ChildProcess>()

/** Kills every nginx that an interrupted test file would leave. */
const endAll = (): void => {
  for (const master of running) master.kill('SIGKILL')
}

/**
 * Starts an nginx whose `http` block has the text that `http` returns. Its workers run as the user of the test, so that they
 * can use sockets in private folders of that user. The caller stops it, or uses `newNginx` instead.
 */
export async function startNginx(
  http: (place: Place) => string,
  { user }: { user?: string } = {},
): Promise<Nginx> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-nginx-'))
  mkdirSync(path.join(folder, 'temp'))
  const place = { folder, port: await freePort() }
  const at = (file: string): string => path.join(folder, file)
  writeFileSync(at('nginx.conf'), configuration(http(place), user))
  const nginx = new Master(place, at)
  await nginx.start().catch((thrown) => {
    rmSync(folder, { recursive: true, force: true })
    throw thrown
  })
  return nginx
}

/** Starts an nginx for one test, and stops and removes it after the test. */
export async function newNginx(...given: Parameters<typeof startNginx>): Promise<Nginx> {
  const nginx = await startNginx(...given)
  onTestFinished(async () => {
    await nginx.stop()
    rmSync(nginx.folder, { recursive: true, force: true })
  })
  return nginx
}

/** Returns a whole configuration with this text in its `http` block. */
export const configuration = (http: string, user = 'root'): string => `${
  process.getuid?.() === 0 ? `user ${user};\n` : ''
}
worker_processes 1;
pid nginx.pid;
error_log error.log notice;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path temp/body;
  proxy_temp_path temp/proxy;
  fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi;
  scgi_temp_path temp/scgi;
${http}
}
`

class Master implements Nginx {
  readonly folder: string
  readonly port: number
  readonly target: { readonly host: string; readonly port: number }
  readonly conf: string
  readonly pidFile: string
  readonly command: readonly string[]
  readonly #log: string
  #process: ChildProcess | null = null
  #exited: Promise<unknown> = Promise.resolve()

  constructor({ folder, port }: Place, at: (file: string) => string) {
    this.folder = folder
    this.port = port
    this.target = { host: '127.0.0.1', port }
    this.conf = at('nginx.conf')
    this.pidFile = at('nginx.pid')
    this.#log = at('error.log')
    this.command = ['nginx', '-p', folder, '-e', this.#log]
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  async start(): Promise<void> {
    const [program = '', ...args] = this.command
    const before = this.generations()
    const env = { ...process.env, PATH, TEST_MARK: '' }
    const master = spawn(program, [...args, '-c', this.conf, '-g', 'daemon off;'], { env, stdio: 'ignore' })
    if (running.size === 0) process.once('exit', endAll)
    running.add(master)
    this.#process = master
    let failure: Error | null = null
    master.on('error', (error) => {
      failure = error
    })
    this.#exited = new Promise((resolve) => master.once('exit', resolve).once('error', resolve))
    void this.#exited.then(() => this.#ended(master))
    const isUp = (): boolean => existsSync(this.pidFile) && this.generations() > before
    await until(() => isUp() || this.#process === null, 'the start of nginx')
    if (this.#process === null) throw failure ?? new Error(`nginx did not start: ${this.errorLog()}`)
  }

  async stop(): Promise<void> {
    this.#process?.kill('SIGTERM')
    await this.#exited
  }

  workers(): number[] {
    const { pid } = this
    return readdirSync('/proc').flatMap((entry) => {
      try {
        const [state, parent] = readFileSync(`/proc/${Number(entry)}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        return Number(parent) === pid && state !== 'Z' ? [Number(entry)] : []
      } catch {
        return []
      }
    })
  }

  generations(): number {
    return this.#count(/: start worker processes$/gm)
  }

  reloads(): number {
    return this.#count(/: signal 1 \(SIGHUP\) received from .*, reconfiguring$/gm)
  }

  errorLog(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : ''
  }

  #count(line: RegExp): number {
    return this.errorLog().match(line)?.length ?? 0
  }

  #ended(master: ChildProcess): void {
    running.delete(master)
    if (running.size === 0) process.off('exit', endAll)
    if (this.#process === master) this.#process = null
  }
}

/** Returns a free port that is neither in the range of spinner nor in that of outgoing connections. */
export const freePort = (): Promise<number> => freePorts(1)

/** Returns the first of `count` consecutive free ports. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = FIRST_PORT + Math.floor(Math.random() * PORTS)
    const row = Array.from({ length: count }, (_, index) => first + index)
    const free = await Promise.all(row.map(isFree))
    if (!free.includes(false)) return first
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer()
  const isFree = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
  })
  await new Promise((resolve) => server.close(resolve))
  return isFree
}
