import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { lives } from '../support/children.ts'
import { fixture, get, newFolder, until } from '../support/host.ts'
import { install } from '../support/installed.ts'
import { newLoad } from '../support/load.ts'
import { has } from '../support/needs.ts'
import { freePort } from '../support/nginx.ts'

const program = path.join(install(), 'node_modules/spinner/dist/cli/index.js')

/**
 * Creates a machine in which nginx uses its usual paths. Programs that run `within` it see folders of the test at
 * /etc/nginx, /run and /var/log/nginx. Only root can do that.
 */
function newMachine(): { folder: string; within(...line: string[]): string[] } {
  const folder = newFolder()
  for (const inner of ['etc', 'run', 'log']) mkdirSync(path.join(folder, inner))
  const mounts = `mount --bind "$0/etc" /etc/nginx && mount --bind "$0/run" /run && mount --bind "$0/log" /var/log/nginx`
  const within = (...line: string[]): string[] => [
    ...['--mount', '--propagation', 'private', 'sh', '-c', `${mounts} && exec "$@"`],
    ...[folder, ...line],
  ]
  return { folder, within }
}

const isPossible = (): boolean => {
  if (!has('nginx') || !has('unshare') || process.getuid?.() !== 0) return false
  return spawnSync('unshare', ['--mount', '--propagation', 'private', 'true']).status === 0
}

const CONFIG = (base: number): string => `
defaults: &defaults
  phantom_base_port: ${base}
  phantom_processes_number: 3
  phantom_command: '${process.execPath} ${fixture('renders-on-a-port.js')}'
  phantom_termination_grace: 0
  rails_root: .
  nginx_conf: /etc/nginx/nginx.conf
  memory_limit: 150_000
  memory_retries: 3
  memory_check_interval: 1
  response_time_threshold: 1
  response_time_check_retries: 2
  response_time_check_interval: 1

test:
  <<: *defaults
production:
  <<: *defaults
  phantom_processes_number: 30
`

const NGINX = (port: number, base: number): string => `user root;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 256; }
http {
  access_log off;
  # renders our pages
  upstream phantomjs {
    least_conn;
    server 127.0.0.1:${base};
  }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://phantomjs; }
  }
}
`

interface Running {
  readonly pid: number
  output(): string
  readonly ended: Promise<number | null>
}

function start(line: readonly string[], cwd: string): Running {
  const env: NodeJS.ProcessEnv = { ...process.env, TEST_MARK: String(process.pid) }
  for (const name of Object.keys(env)) if (name.startsWith('npm_')) delete env[name]
  const child = spawn('unshare', [...line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)))
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await ended
  })
  return { pid: child.pid as number, output: () => output, ended }
}

test.runIf(isPossible())(
  'two commands replace phantom-manager, with its own configuration file',
  { timeout: 120_000 },
  async () => {
    const { folder, within } = newMachine()
    const [port, base] = [await freePort(), await freePort()]
    const conf = path.join(folder, 'etc/nginx.conf')
    writeFileSync(conf, NGINX(port, base))
    writeFileSync(path.join(folder, 'config.yml'), CONFIG(base))
    start(within('nginx', '-g', 'daemon off;'), folder)
    await until(() => existsSync(path.join(folder, 'run/nginx.pid')), 'nginx')

    const imported = start(
      within(process.execPath, program, 'import', 'phantom-manager', 'config.yml'),
      folder,
    )
    expect([await imported.ended, imported.output()]).toEqual([0, expect.stringContaining('spinner.yml')])
    const spinner = start(within(process.execPath, program, 'run', '-e', 'test', '--json'), folder)

    const target = { host: '127.0.0.1', port }
    const ports = [0, 1, 2].map((index) => base + index)
    const pids = new Map<number, number>()
    const ask = async (): Promise<void> => {
      const [at, pid] = (await get(target)).split(' ').map(Number)
      if (pid) pids.set(at as number, pid)
    }
    /** Waits until nginx has sent requests to all three ports. Returns the process behind each port. */
    const all = async (): Promise<number[]> => {
      pids.clear()
      await until(async () => {
        await ask().catch(() => {})
        return pids.size === 3
      }, `three processes behind nginx, after ${spinner.output()}`)
      return ports.map((at) => pids.get(at) as number)
    }
    const told = (event: string): number => spinner.output().split(`"event":"${event}"`).length - 1
    const restarted = (times: number): Promise<unknown> =>
      until(() => told('restarted') >= times, `restart ${times}, in ${spinner.output()}`)

    // Presence: a killed process is started again.
    const first = await all()
    // nginx sends requests to a child a moment before it counts as started. An exit before that would not be a crash.
    await until(() => told('started') >= 3, 'the start of all three')
    const config = readFileSync(conf, 'utf8')
    expect(config).toContain('# renders our pages')
    expect(config).toContain('least_conn;')
    const load = newLoad(target, { connections: 4, pause: 20 })
    process.kill(first[1] as number, 'SIGKILL')
    await restarted(1)
    // Memory: three samples in a row are above the limit.
    await get({ host: '127.0.0.1', port: ports[0] as number }, '/grow')
    await restarted(2)
    // Response time: two requests in a row get no complete response.
    get({ host: '127.0.0.1', port: ports[2] as number }, '/hang').catch(() => {})
    await restarted(3)
    const second = await all()
    for (const index of [0, 1, 2]) expect(second[index]).not.toBe(first[index])
    // SIGUSR2 restarts all processes one by one.
    process.kill(spinner.pid, 'SIGUSR2')
    await restarted(6)
    const third = await all()
    for (const index of [0, 1, 2]) expect(third[index]).not.toBe(second[index])
    const counts = await load.stop()
    expect({ failed: counts.failed, cut: counts.cut, other: counts.other }).toEqual({
      failed: 0,
      cut: 0,
      other: 0,
    })
    expect(counts.ok).toBeGreaterThan(100)

    process.kill(spinner.pid, 'SIGTERM')
    expect(await spinner.ended).toBe(0)
    expect([...first, ...second, ...third].filter(lives)).toEqual([])
    expect(readFileSync(conf, 'utf8')).toContain('server 127.0.0.1:1 down;')
  },
)
