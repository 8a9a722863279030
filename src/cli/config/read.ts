import { readFileSync } from 'node:fs'
import path from 'node:path'
import { codeOf, messageOf } from '../../errors.ts'
import { nearest } from '../../options/suggest.ts'
import { ConfigError, errorOf, type Problem, placeOf } from './error.ts'
import { gatewayOf, lazyIn } from './gateway.ts'
import { type Config, type MergedConfig, type Plain, type PoolConfig, plain } from './model.ts'
import {
  type KeyPath,
  locate,
  MapNode,
  merge,
  type Offset,
  type Tree,
  withChanged,
  without,
} from './nodes.ts'
import { PathResolver } from './resolve-paths.ts'
import { file as fileShape, settled } from './schema.ts'
import { validate } from './schema-kit.ts'
import { validateConfig } from './validate.ts'
import { readYaml } from './yaml.ts'

/** Reads a configuration file for one environment, or throws a {@link ConfigError} that names all that is wrong. */
export function readConfig(file: string, environment: string | null): Config {
  return understand(textOf(file), file, environment)
}

/** The same, of a text that was read. */
export function understand(text: string, file: string, environment: string | null): Config {
  const { tree, problems } = readYaml(text)
  if (problems.length > 0) throw errorOf(file, text, problems)
  const wrong = [...validate(fileShape, tree).problems, ...chosen(tree, environment)]
  if (wrong.length > 0) throw errorOf(file, text, wrong)
  const merged = settle(tree, environment)
  const { value, problems: left } = validate(settled, merged)
  if (left.length > 0) throw errorOf(file, text, left)
  return configOf(value as Plain, merged, tree, { text, file, environment })
}

/** The text of a file that a user named, or a ConfigError that says what to do. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw new ConfigError([`${file}: cannot be read: ${messageOf(thrown)}`])
    const folder = path.dirname(path.resolve(file))
    const advice = 'make one with `spinner init`, or say where it is with -c'
    throw new ConfigError([`there is no ${path.basename(file)} in ${folder}; ${advice}`])
  }
}

const environmentsOf = (tree: MapNode): MapNode | undefined => {
  const environments = tree.get('environments')
  return environments instanceof MapNode ? environments : undefined
}

function chosen(tree: MapNode, environment: string | null): Problem[] {
  const all = environmentsOf(tree)
  if (environment === null || all?.entries.has(environment)) return []
  const names = [...(all?.entries.keys() ?? [])]
  const meant = nearest(environment, names)
  const known = names.length > 0 ? `there are ${names.join(', ')}` : 'there are none'
  const advice = meant ? `did you mean '${meant}'?` : known
  return [
    { at: locate(tree, ['environments']), message: `no environment is called '${environment}'; ${advice}` },
  ]
}

/** The file with its environment merged in, and the defaults under every child and pool. */
function settle(tree: MapNode, environment: string | null): MapNode {
  const over = environment === null ? undefined : environmentsOf(tree)?.get(environment)
  const body = without(tree, 'environments')
  const merged = over instanceof MapNode ? (merge(body, over) as MapNode) : body
  const defaults = merged.get('defaults')
  const underEach = (all: Tree): Tree =>
    all instanceof MapNode
      ? [...all.entries.keys()].reduce(
          (section, name) =>
            withChanged(section, name, (one) => (one instanceof MapNode ? merge(defaults, one) : one)),
          all,
        )
      : all
  return withChanged(withChanged(merged, 'children', underEach), 'pools', underEach)
}

const present = (all: unknown): Map<string, Plain> =>
  new Map(
    [...((all ?? new Map()) as Map<string, Plain | null>)].filter(
      (entry): entry is [string, Plain] => entry[1] !== null,
    ),
  )

/** What concerns the whole command. */
const OWN = ['id', 'runtimeDir', 'concurrency', 'maxRunning', 'maxMemory']

function configOf(
  value: Plain,
  merged: MapNode,
  tree: MapNode,
  from: { text: string; file: string; environment: string | null },
): Config {
  const given = value['nginx'] ?? []
  const nginx = (Array.isArray(given) ? given : [given]) as Plain[]
  const read: MergedConfig = {
    children: present(value['children']),
    pools: present(value['pools']),
    nginx,
    gateway: (value['gateway'] as Plain | null | undefined) ?? null,
    maxRunning: (value['maxRunning'] as number | undefined) ?? null,
  }
  // One nginx is no list in the file.
  const find = (way: KeyPath): Offset =>
    locate(merged, way[0] === 'nginx' && !Array.isArray(given) ? ['nginx', ...way.slice(2)] : way)
  const problems = validateConfig(read).map(({ way, message }) => ({ at: find(way), message }))
  if (problems.length > 0) throw errorOf(from.file, from.text, problems)
  const places = new PathResolver(path.dirname(path.resolve(from.file)))
  return {
    file: from.file,
    environment: from.environment,
    environments: [...(environmentsOf(tree)?.entries.keys() ?? [])],
    own: places.own(Object.fromEntries(OWN.filter((key) => key in value).map((key) => [key, value[key]]))),
    children: new Map(
      [...read.children].map(([name, options]) => [name, places.child(plain(options) as Plain)]),
    ),
    pools: new Map([...read.pools].map(([name, options]) => [name, poolOf(plain(options) as Plain, places)])),
    nginx: nginx.map((options) => places.nginx(plain(options) as Plain)),
    gateway: read.gateway && places.gateway(gatewayOf(plain(read.gateway) as Plain)),
    lazy: lazyIn(read),
    where: (...way) => `${from.file}:${placeOf(from.text, find(way))}`,
  }
}

/** With ports of its own a pool has no other place to listen, whatever the defaults say. */
function poolOf({ size, port, ...options }: Plain, places: PathResolver): PoolConfig {
  if (port === undefined) return { size: size as number, options: places.child(options) }
  const { listen: _listen, ...rest } = options
  return { size: size as number, port: port as number, options: places.child(rest) }
}
