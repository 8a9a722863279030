import { writeAll } from '../output/stdout.ts'
import { writeNew } from './write-file.ts'

/** The example configuration. Optional parts are commented out. */
export const EXAMPLE = `# yaml-language-server: $schema=node_modules/spinner/spinner.schema.json
#
# The children that \`spinner run\` starts and keeps running. Validate this file with \`spinner check\`.
# Durations are seconds, or strings such as 500ms, 30s, 5m. Paths are relative to the folder of this file.

# Options for every child. A child or a pool can override them.
defaults:
  stopTimeout: 30
  # env:
  #   LOG_LEVEL: info

# One child per name. Each gets the address that it must listen on in PORT.
children:
  web:
    script: ./server.js # a program for Node; use command and args for other programs
    listen: 8000
    # ready: { http: /healthz } # started when this path answers; by default, when the child listens
    # monitor: ./src # restart when files change; null turns this off
    # checks:
    #   memory: { limit: 500MB, retries: 3, interval: 5s }
    #   responseTime: { threshold: 2s, retries: 2, interval: 40s, path: / }

# Identical children, here renderer-0 to renderer-2 on the ports 8100 to 8102.
# pools:
#   renderer:
#     size: 3
#     port: 8100
#     command: ./renderer
#     args: [--fast]

# Keeps an upstream of nginx up to date with the running children.
# nginx:
#   upstream: renderers
#   file: /etc/nginx/conf.d/renderers.conf
#   children: [renderer]
#   grace: 10

# An HTTP front. The first request starts a child that a route leads to.
# gateway:
#   listen: 8080
#   routes:
#     - { host: web.localhost, to: web }

# Changes that \`spinner run -e production\` applies.
# environments:
#   production:
#     defaults:
#       env:
#         NODE_ENV: production
`

/** `spinner init`: writes the example configuration. */
export async function init(file: string, force: boolean): Promise<number> {
  writeNew(file, EXAMPLE, force)
  await writeAll(process.stdout, `created ${file}; edit it, then run: spinner check, spinner run\n`)
  return 0
}
