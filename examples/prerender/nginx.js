// nginx with a folder of its own: its configuration, what keeps its upstreams, and itself as a child.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { nginx } from 'spinner/nginx'
import { find } from './programs.js'

/** Writes a configuration for this port into the folder. */
export function newNginx(folder, port) {
  const config = path.join(folder, 'nginx.conf')
  const file = path.join(folder, 'run/upstreams.conf')
  const text = readFileSync(path.join(import.meta.dirname, 'nginx.conf'), 'utf8')
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(config, text.replace(':8080', `:${port}`))

  const command = [find('nginx'), '-p', folder, '-e', 'stderr']
  const [program, ...args] = command
  // The sockets of children are for one user, so the workers of a root's nginx must be root's too.
  const directives = process.getuid() === 0 ? 'daemon off; user root;' : 'daemon off;'
  return {
    plugins: [
      nginx({ upstream: 'site', children: 'site', file, command, config }),
      nginx({ upstream: 'renderers', children: 'renderer', file, command, config }),
    ],
    /** nginx does not start without the file that it includes, and the plugins write it soon. */
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
