import { demandsOfGateway, lazyIn } from './gateway.ts'
import { type ConfigIssue, type MergedConfig, memberNames, type Plain, unknownName } from './model.ts'
import type { KeyPath } from './nodes.ts'

/** All that is missing in a configuration, or said twice. */
export function validateConfig(read: MergedConfig): ConfigIssue[] {
  const { children, pools, nginx } = read
  return [
    ...[...children].flatMap(([name, options]) => ofChild(['children', name], 'child', name, options)),
    ...[...pools].flatMap(([name, options]) => ofPool(name, options)),
    ...clashesOfNames(children, pools),
    ...clashesOfPorts(read),
    ...nginx.flatMap((options, index) => ofNginx(['nginx', index], options, children, pools)),
    ...demandsOfGateway(read),
    ...ofRoom(read),
  ]
}

function ofChild(way: KeyPath, kind: string, name: string, options: Plain): ConfigIssue[] {
  const wrong: ConfigIssue[] = []
  if (options['script'] === undefined && options['command'] === undefined)
    wrong.push({ way, message: `${kind} '${name}' needs a \`command\`, or a \`script\` for Node` })
  const { monitor, ready } = options
  if (isMap(monitor) && monitor['paths'] === undefined)
    wrong.push({ way: [...way, 'monitor'], message: '`monitor` needs `paths`, what is to be watched' })
  if (typeof ready === 'object' && Object.keys(ready as Plain).length !== 1)
    wrong.push({ way: [...way, 'ready'], message: '`ready` takes one of http and output' })
  return wrong
}

const isMap = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function ofPool(name: string, options: Plain): ConfigIssue[] {
  const way = ['pools', name]
  const wrong = ofChild(way, 'pool', name, options)
  const { size, port, listen } = options
  if (size === undefined)
    wrong.push({ way, message: `pool '${name}' needs a \`size\`, the number of its children` })
  if (typeof listen === 'number')
    wrong.push({
      way: [...way, 'listen'],
      message: 'a pool takes `port`, the first of its ports, instead of a number here',
    })
  if (typeof port === 'number' && port + Number(size) - 1 > 65_535)
    wrong.push({ way: [...way, 'port'], message: `${size} ports from ${port} on go beyond 65535` })
  return wrong
}

function clashesOfNames(children: MergedConfig['children'], pools: MergedConfig['pools']): ConfigIssue[] {
  const wrong: ConfigIssue[] = []
  const taken = new Map([...children.keys()].map((name) => [name, `child '${name}'`]))
  for (const [pool, { size }] of pools) {
    for (const name of memberNames(pool, Number(size ?? 0))) {
      const other = taken.get(name)
      if (other) wrong.push({ way: ['pools', pool], message: `'${name}' of this pool is also ${other}` })
      else taken.set(name, `one of pool '${pool}'`)
    }
  }
  return wrong
}

function clashesOfPorts({ children, pools, gateway }: MergedConfig): ConfigIssue[] {
  const wrong: ConfigIssue[] = []
  const taken = new Map<number, string>()
  const take = (port: number, whose: string, way: KeyPath): void => {
    const other = taken.get(port)
    if (other) wrong.push({ way, message: `port ${port} is also that of ${other}` })
    else taken.set(port, whose)
  }
  const front = gateway?.['listen']
  const own = typeof front === 'object' ? (front as Plain)['port'] : front
  if (typeof own === 'number' && own > 0) take(own, 'the gateway', ['gateway', 'listen'])
  for (const [name, { listen }] of children) {
    if (typeof listen === 'number') take(listen, `'${name}'`, ['children', name, 'listen'])
  }
  for (const [pool, { port, size }] of pools) {
    if (typeof port !== 'number') continue
    memberNames(pool, Number(size ?? 0)).forEach((name, index) => {
      take(port + index, `'${name}'`, ['pools', pool, 'port'])
    })
  }
  return wrong
}

function ofNginx(
  way: KeyPath,
  options: Plain,
  children: MergedConfig['children'],
  pools: MergedConfig['pools'],
): ConfigIssue[] {
  const wrong: ConfigIssue[] = []
  for (const key of ['upstream', 'file'])
    if (options[key] === undefined) wrong.push({ way, message: `\`nginx\` needs \`${key}\`` })
  const { children: wanted = [] } = options
  for (const [index, name] of ([wanted].flat() as string[]).entries()) {
    const message = unknownName(name, [...children.keys(), ...pools.keys()])
    if (message) wrong.push({ way: [...way, 'children', index], message })
  }
  return wrong
}

/** What is always up has its place for ever, so there must be one for each, and one more for those that come and go. */
function ofRoom(read: MergedConfig): ConfigIssue[] {
  const { children, maxRunning, pools } = read
  if (maxRunning === null) return []
  const lazy = lazyIn(read)
  const ofPools = [...pools.values()].map(({ size }) => Number(size ?? 0))
  const up = ofPools.reduce((sum, size) => sum + size, children.size - lazy.size)
  const least = up + (lazy.size > 0 ? 1 : 0)
  if (maxRunning >= least) return []
  const others = lazy.size > 0 ? ', and one place for those that requests start' : ''
  return [
    {
      way: ['maxRunning'],
      message: `\`maxRunning\` must be at least ${least}: ${up} are always up${others}`,
    },
  ]
}
