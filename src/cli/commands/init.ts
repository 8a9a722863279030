import { writeAll } from '../output/stdout.ts'
import { writeNew } from './write-file.ts'

/** A configuration to begin with. Everything that is optional is there, behind a `#`. */
export const EXAMPLE = `# yaml-language-server: $schema=node_modules/spinner/spinner.schema.json
#
# What \`spinner run\` starts and keeps running. \`spinner check\` says what is wrong with it.
# Durations are seconds, or texts such as 500ms, 30s, 5m. Paths count from the folder of this file.

# Options for every child; each child and pool can say otherwise.
defaults:
  stopTimeout: 30
  # env:
  #   LOG_LEVEL: info

# One child a name. Each is told in PORT where it has to listen.
children:
  web:
    script: ./server.js # a program for Node; for any other: command and args
    listen: 8000
    # ready: { http: /healthz } # when it counts as started; without this: when it listens
    # monitor: ./src # restart when files change; null for never
    # checks:
    #   memory: { limit: 500MB, retries: 3, interval: 5s }
    #   responseTime: { threshold: 2s, retries: 2, interval: 40s, path: / }

# Children of one kind, here renderer-0 to renderer-2 on the ports 8100 to 8102.
# pools:
#   renderer:
#     size: 3
#     port: 8100
#     command: ./renderer
#     args: [--fast]

# Keeps an upstream of nginx in step with what is running.
# nginx:
#   upstream: renderers
#   file: /etc/nginx/conf.d/renderers.conf
#   children: [renderer]
#   grace: 10

# An HTTP front. A child that a route leads to is started by its first request.
# gateway:
#   listen: 8080
#   routes:
#     - { host: web.localhost, to: web }

# What \`spinner run -e production\` changes.
# environments:
#   production:
#     defaults:
#       env:
#         NODE_ENV: production
`

/** `spinner init`: writes a configuration to begin with. */
export async function init(file: string, force: boolean): Promise<number> {
  writeNew(file, EXAMPLE, force)
  await writeAll(process.stdout, `${file} was written; change it, then: spinner check, spinner run\n`)
  return 0
}
