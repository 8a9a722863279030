// Generates spinner.schema.json, the schema of spinner.yml for editors, from the schema that the command validates with.
import { membersOf } from './options-page.mjs'

/** Descriptions of options that mean something else in a file than in the library. */
const OWN_WORDS = {
  script: 'A program for Node. A relative path is resolved against the directory of this file.',
  env: 'Environment variables, merged over the defaults and the inherited environment. null removes a variable. Values are passed as written here. `PORT` and `port` are set last.',
  cwd: 'The working directory of the child. Default: the directory of this file.',
  stdout: "A file to which the child's stdout is appended. The output is also printed.",
  stderr: "A file to which the child's stderr is appended. The output is also printed.",
  idleTimeSec:
    'Seconds without use after which the child is stopped. Default: never, or 1800 for a child with a route of the gateway.',
  warm: 'Start a child with a route of the gateway at once, and keep it running. All other children do so in any case.',
  checks: 'Health checks that run while the child is started: memory, responseTime, command.',
}

const IGNORE =
  "Paths, as the child sees them, whose requests neither start a child nor keep it running: '/healthz', '/hmr/*'."

/** The same for a gateway, by part of the schema. */
const OF_GATEWAY = {
  gateway: {
    listen: 'The address of the gateway: a port of this machine, or a map of port, host, path and limits.',
    routes: 'Which requests go to which child.',
    ignore: IGNORE,
    drainTimeout: 'Seconds that requests in flight may take when the gateway closes.',
  },
  gatewayListen: {
    maxConnections: 'Maximum number of concurrent connections, for each address that the gateway listens on.',
  },
  route: {
    ignore: IGNORE,
    to: 'The name of a child or pool. The first request starts the child, unless it is `warm`.',
  },
}

/** Removes links, because editors cannot follow them. */
const textOf = (meaning) =>
  meaning.replace(/\s*\(see \[[^\]]*\]\([^)]*\)\)/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')

export function editorSchema({ fileSchema }, source, sourceOfGateway) {
  const json = fileSchema()
  const meanings = [...membersOf(source, 'ChildOptions'), ...membersOf(source, 'SpinnerOptions')]
  const { defaults, child, pool } = json.$defs
  for (const { key, meaning } of meanings)
    for (const part of [json, defaults, child, pool]) describe(part, key, OWN_WORDS[key] ?? meaning)
  const rules = membersOf(sourceOfGateway, 'RouteRules')
  const ofGateway = {
    gateway: [...rules, ...membersOf(sourceOfGateway, 'GatewayOptions'), { key: 'listen' }],
    gatewayListen: membersOf(sourceOfGateway, 'ListenOptions'),
    route: [...rules, ...membersOf(sourceOfGateway, 'Route')],
  }
  for (const [part, members] of Object.entries(ofGateway))
    for (const { key, meaning } of members) describe(json.$defs[part], key, OF_GATEWAY[part][key] ?? meaning)
  return `${JSON.stringify({ title: 'spinner.yml', ...json }, null, 2)}\n`
}

function describe({ properties }, key, meaning) {
  if (properties?.[key]) properties[key] = { ...properties[key], description: textOf(meaning) }
}
