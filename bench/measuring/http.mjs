// Sends requests, and starts the nginx and the app that receive them.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { accepts, whenAccepting } from './addresses.mjs'
import { kept } from './living.mjs'
import { NODE } from './programs.mjs'

export const NGINX = '/usr/sbin/nginx'
const TEMPS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

export function get(port, agent = false) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, agent, headers: { host: 'localhost' } }
    http.get(options, (response) => response.resume().once('end', resolve)).on('error', reject)
  })
}

/** Starts the program behind a proxy, on a socket or a port. */
export async function newApp(address) {
  const env = { ...process.env, PORT: String(address), UPGRADES: '1' }
  // Detached, as spinner starts it, because some systems distribute the cores among sessions.
  const app = kept(spawn(NODE.command, NODE.args, { env, stdio: 'ignore', detached: true }))
  await whenAccepting(address)
  return { address, pid: app.pid, end: () => app.kill() }
}

/** Returns the settings that keep an nginx of the benchmarks in its own directory. */
export const nginxIn = (folder) => {
  mkdirSync(path.join(folder, 'temp'))
  return {
    own: `${process.getuid?.() === 0 ? 'user root; ' : ''}worker_processes 1; pid nginx.pid;`,
    http: `access_log off; ${TEMPS.map((kind) => `${kind}_temp_path temp/${kind};`).join(' ')}`,
    command: [NGINX, '-p', folder, '-e', path.join(folder, 'error.log')],
  }
}

/** Starts an nginx. SIGTERM ends it together with its workers; SIGKILL would leave the workers running. */
export const startNginx = ([command, ...args], configuration) =>
  kept(
    spawn(command, [...args, '-c', configuration, '-g', 'daemon off;'], { stdio: 'ignore', detached: true }),
    'SIGTERM',
  )

/** Starts an nginx that keeps connections to the app open; returns `null` if nginx is not installed. */
export async function newProxy(folder, port, socketPath) {
  if (!existsSync(NGINX)) return null
  const { own, http: inHttp, command } = nginxIn(folder)
  const configuration = path.join(folder, 'nginx.conf')
  writeFileSync(
    configuration,
    `${own} error_log error.log; events { worker_connections 4096; }
http { ${inHttp} keepalive_requests 1000000000;
  upstream app { server unix:${socketPath}; keepalive 64; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; } } }`,
  )
  const master = startNginx(command, configuration)
  while (!(await accepts(port))) await new Promise((resolve) => setTimeout(resolve, 10))
  return { port, end: () => master.kill() }
}
