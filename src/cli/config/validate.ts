import { READY_VALUES } from '../../options/readiness.ts'
import { gatewayIssues, lazyChildren } from './gateway.ts'
import { type ConfigIssue, type MergedConfig, memberNames, type Plain, unknownName } from './model.ts'
import type { KeyPath } from './nodes.ts'

/** Returns what is missing in a configuration, contradicts itself, or occurs twice. */
export function validateConfig(config: MergedConfig): ConfigIssue[] {
  const { children, nginx, pools } = config
  return [
    ...[...children].flatMap(([name, options]) => childIssues(['children', name], 'child', name, options)),
    ...[...pools].flatMap(([name, options]) => poolIssues(name, options)),
    ...duplicateNames(config),
    ...duplicatePorts(config),
    ...nginx.flatMap((options, index) => nginxIssues(['nginx', index], options, config)),
    ...gatewayIssues(config),
    ...slotIssues(config),
  ]
}

function childIssues(path: KeyPath, kind: string, name: string, options: Plain): ConfigIssue[] {
  const issues: ConfigIssue[] = []
  if (options['script'] === undefined && options['command'] === undefined)
    issues.push({ path, message: `${kind} '${name}' needs a \`command\`, or a \`script\` for Node` })
  const { monitor, ready } = options
  if (isMap(monitor) && monitor['paths'] === undefined)
    issues.push({ path: [...path, 'monitor'], message: '`monitor` needs `paths`, the files to watch' })
  if (isMap(ready) && Object.keys(ready).length !== 1) {
    const message = `\`ready\` must have exactly one of ${[...READY_VALUES.keys()].join(', ')}`
    issues.push({ path: [...path, 'ready'], message })
  }
  return issues
}

const isMap = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function poolIssues(name: string, options: Plain): ConfigIssue[] {
  const path = ['pools', name]
  const issues = childIssues(path, 'pool', name, options)
  const { listen, port, size } = options
  if (size === undefined)
    issues.push({ path, message: `pool '${name}' needs a \`size\`, the number of its children` })
  if (typeof listen === 'number')
    issues.push({
      path: [...path, 'listen'],
      message: 'a pool takes `port`, its first port, instead of a number for `listen`',
    })
  if (typeof port === 'number' && port + Number(size) - 1 > 65_535)
    issues.push({ path: [...path, 'port'], message: `${size} ports from ${port} on exceed 65535` })
  return issues
}

function duplicateNames({ children, pools }: MergedConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = []
  const owners = new Map([...children.keys()].map((name) => [name, `child '${name}'`]))
  for (const [pool, { size }] of pools) {
    for (const name of memberNames(pool, Number(size ?? 0))) {
      const owner = owners.get(name)
      const message = `duplicate name: '${name}' of this pool is also the name of ${owner}`
      if (owner) issues.push({ path: ['pools', pool], message })
      else owners.set(name, `a child of pool '${pool}'`)
    }
  }
  return issues
}

function duplicatePorts({ children, gateway, pools }: MergedConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = []
  const owners = new Map<number, string>()
  const claim = (port: number, owner: string, path: KeyPath): void => {
    const other = owners.get(port)
    if (other) issues.push({ path, message: `duplicate port: ${port} is also the port of ${other}` })
    else owners.set(port, owner)
  }
  const listen = gateway?.['listen']
  const own = isMap(listen) ? listen['port'] : listen
  if (typeof own === 'number' && own > 0) claim(own, 'the gateway', ['gateway', 'listen'])
  for (const [name, options] of children) {
    const { listen: port } = options
    if (typeof port === 'number') claim(port, `'${name}'`, ['children', name, 'listen'])
  }
  for (const [pool, { port, size }] of pools) {
    if (typeof port !== 'number') continue
    memberNames(pool, Number(size ?? 0)).forEach((name, index) => {
      claim(port + index, `'${name}'`, ['pools', pool, 'port'])
    })
  }
  return issues
}

function nginxIssues(path: KeyPath, options: Plain, { children, pools }: MergedConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = []
  for (const key of ['upstream', 'file'])
    if (options[key] === undefined) issues.push({ path, message: `\`nginx\` needs \`${key}\`` })
  const { children: members = [] } = options
  for (const [index, name] of ([members].flat() as string[]).entries()) {
    const message = unknownName(name, [...children.keys(), ...pools.keys()])
    if (message) issues.push({ path: [...path, 'children', index], message })
  }
  return issues
}

/** Requires a slot for each child that always runs, and one more for the children that requests start. */
function slotIssues(config: MergedConfig): ConfigIssue[] {
  const { children, maxRunning, pools } = config
  if (maxRunning === null) return []
  const lazy = lazyChildren(config)
  const sizes = [...pools.values()].map(({ size }) => Number(size ?? 0))
  const permanent = sizes.reduce((sum, size) => sum + size, children.size - lazy.size)
  const least = permanent + (lazy.size > 0 ? 1 : 0)
  if (maxRunning >= least) return []
  const others = lazy.size > 0 ? ', and the children that requests start need a slot' : ''
  const message = `\`maxRunning\` must be at least ${least}: ${permanent} children always run${others}`
  return [{ path: ['maxRunning'], message }]
}
