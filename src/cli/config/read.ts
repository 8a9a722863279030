import { readFileSync } from 'node:fs'
import path from 'node:path'
import { codeOf, messageOf } from '../../errors.ts'
import { nearest } from '../../options/suggest.ts'
import { ConfigError, errorOf, type Problem, positionOf } from './error.ts'
import { gatewayOf, lazyChildren } from './gateway.ts'
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
import { file as fileShape, OWN_KEYS, settled } from './schema.ts'
import { validate } from './schema-kit.ts'
import { validateConfig } from './validate.ts'
import { readYaml } from './yaml.ts'

/** Reads a configuration file for one environment. Throws a {@link ConfigError} that lists all problems. */
export function readConfig(file: string, environment: string | null): Config {
  return understand(textOf(file), file, environment)
}

/** Reads the text of a configuration file, like {@link readConfig}. */
export function understand(text: string, file: string, environment: string | null): Config {
  const { tree, problems } = readYaml(text)
  if (problems.length > 0) throw errorOf(file, text, problems)
  const all = [...validate(fileShape, tree).problems, ...unknownEnvironment(tree, environment)]
  if (all.length > 0) throw errorOf(file, text, all)
  const merged = settle(tree, environment)
  const { value, problems: left } = validate(settled, merged)
  if (left.length > 0) throw errorOf(file, text, left)
  return configOf(value as Plain, merged, tree, { text, file, environment })
}

/** Returns the text of a file that the user named; throws a ConfigError that states the remedy. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw new ConfigError([`${file}: cannot be read: ${messageOf(thrown)}`])
    const directory = path.dirname(path.resolve(file))
    const remedy = 'create one with `spinner init`, or pass its path with -c'
    throw new ConfigError([`${directory} has no ${path.basename(file)}; ${remedy}`])
  }
}

const environmentsOf = (tree: MapNode): MapNode | undefined => {
  const environments = tree.get('environments')
  return environments instanceof MapNode ? environments : undefined
}

function unknownEnvironment(tree: MapNode, environment: string | null): Problem[] {
  const all = environmentsOf(tree)
  if (environment === null || all?.entries.has(environment)) return []
  const names = [...(all?.entries.keys() ?? [])]
  const meant = nearest(environment, names)
  const known = names.length > 0 ? `known environments: ${names.join(', ')}` : 'the file has none'
  const advice = meant ? `did you mean '${meant}'?` : known
  return [
    { at: locate(tree, ['environments']), message: `no environment is called '${environment}'; ${advice}` },
  ]
}

/** Merges the environment into the file, and the defaults under each child and pool. */
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

function configOf(
  value: Plain,
  merged: MapNode,
  tree: MapNode,
  from: { text: string; file: string; environment: string | null },
): Config {
  const given = value['nginx'] ?? []
  const nginx = (Array.isArray(given) ? given : [given]) as Plain[]
  const config: MergedConfig = {
    children: present(value['children']),
    pools: present(value['pools']),
    nginx,
    gateway: (value['gateway'] as Plain | null | undefined) ?? null,
    maxRunning: (value['maxRunning'] as number | undefined) ?? null,
  }
  // A single nginx is not a list in the file.
  const find = (keys: KeyPath): Offset =>
    locate(merged, keys[0] === 'nginx' && !Array.isArray(given) ? ['nginx', ...keys.slice(2)] : keys)
  const problems = validateConfig(config).map(({ message, path: keys }) => ({ at: find(keys), message }))
  if (problems.length > 0) throw errorOf(from.file, from.text, problems)
  const resolver = new PathResolver(path.dirname(path.resolve(from.file)))
  return {
    file: from.file,
    environment: from.environment,
    environments: [...(environmentsOf(tree)?.entries.keys() ?? [])],
    own: resolver.own(
      Object.fromEntries(OWN_KEYS.filter((key) => key in value).map((key) => [key, value[key]])),
    ),
    children: new Map(
      [...config.children].map(([name, options]) => [name, resolver.child(plain(options) as Plain)]),
    ),
    pools: new Map(
      [...config.pools].map(([name, options]) => [name, poolOf(plain(options) as Plain, resolver)]),
    ),
    nginx: nginx.map((options) => resolver.nginx(plain(options) as Plain)),
    gateway: config.gateway && resolver.gateway(gatewayOf(plain(config.gateway) as Plain)),
    lazy: lazyChildren(config),
    where: (...keys) => `${from.file}:${positionOf(from.text, find(keys))}`,
  }
}

/** The `port` of a pool replaces the `listen` of the defaults. */
function poolOf({ size, port, ...options }: Plain, resolver: PathResolver): PoolConfig {
  if (port === undefined) return { size: size as number, options: resolver.child(options) }
  const { listen: _listen, ...rest } = options
  return { size: size as number, port: port as number, options: resolver.child(rest) }
}
