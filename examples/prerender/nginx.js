// nginx in its own folder: its configuration, the plugins that write its upstreams, and nginx itself as a child.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { nginx } from 'spinner/nginx'
import { find } from './programs.js'

/** Writes a configuration for `port` into `folder`. Returns the plugins and the options of the child. */
export function newNginx(folder, port) {
  const config = path.join(folder, 'nginx.conf')
  const file = path.join(folder, 'run/upstreams.conf')
  const text = readFileSync(path.join(import.meta.dirname, 'nginx.conf'), 'utf8')
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(config, text.replace(':8080', `:${port}`))

  const command = [find('nginx'), '-p', folder, '-e', 'stderr']
  const [program, ...args] = command
  // Only one user can use the sockets of children. If nginx runs as root, its workers must run as root too.
  const directives = process.getuid() === 0 ? 'daemon off; user root;' : 'daemon off;'
  return {
    plugins: [
      nginx({ upstream: 'site', children: 'site', file, command, config }),
      nginx({ upstream: 'renderers', children: 'renderer', file, command, config }),
    ],
    /** Waits until the plugins have written the upstreams, because nginx does not start without that file. */
    async hasUpstreams() {
      while (!existsSync(file)) await setTimeout(20)
    },
    child: {
      name: 'nginx',
      command: program,
      args: [...args, '-c', config, '-g', directives],
      listen: port,
      idleTimeSec: -1,
      stopSignal: 'SIGQUIT',
    },
  }
}
