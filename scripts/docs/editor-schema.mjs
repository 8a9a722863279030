// spinner.schema.json: what editors know of spinner.yml, from the schema with which the command reads it.
import { toJsonSchema } from '@valibot/to-json-schema'
import { membersOf } from './options-page.mjs'

/** What a file says in another way than the library does. */
const OWN_WORDS = {
  script: 'A program for Node, counted from the folder of this file.',
  env: 'Merged over the defaults and the inherited environment, as it is written here; null removes a variable. `PORT` and `port` are set last.',
  cwd: 'The folder it runs in; without it, the folder of this file.',
  stdout: "A file to which the child's stdout is appended, besides being printed.",
  stderr: "A file to which the child's stderr is appended, besides being printed.",
  idleTimeSec:
    'Off, unless it is given: nobody uses a child of the command as a program would. A child that a route of the gateway leads to sleeps after 1800.',
  warm: 'A child that a route of the gateway leads to is started at once, and stays. All others do anyhow.',
  checks: 'Health checks, run while it is started: memory, responseTime, command.',
}

const IGNORE =
  "Paths, as the child sees them, whose requests neither wake a child nor keep it awake: '/healthz', '/hmr/*'."

/** The same of a gateway, by the part of the schema. */
const OF_GATEWAY = {
  gateway: {
    listen: 'Where it answers: a port of this machine, or a map of port, host, path and limits.',
    routes: 'Which requests go to which child.',
    ignore: IGNORE,
    drainTimeout: 'Seconds that requests under way may take when the gateway is closed.',
  },
  gatewayListen: { maxConnections: 'So many connections at once, for each way to this machine.' },
  route: {
    ignore: IGNORE,
    to: 'The name of a child or pool. A child is started by its first request, unless it is `warm`.',
  },
}

/** Links lead nowhere from an editor. */
const textOf = (meaning) =>
  meaning.replace(/\s*\(see \[[^\]]*\]\([^)]*\)\)/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')

export function editorSchema({ file, parts }, source, sourceOfGateway) {
  const json = toJsonSchema(file, {
    typeMode: 'input',
    target: 'draft-07',
    definitions: parts,
    overrideSchema: ({ valibotSchema, jsonSchema }) => {
      // What a word takes is said by its metadata.
      if (valibotSchema.type === 'custom') return jsonSchema
      if (valibotSchema.type !== 'strict_object') return undefined
      const { required, ...rest } = jsonSchema
      return rest
    },
  })
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
