// Measures the costs of one host by the number of children, registered or running.
import { interleave } from '../measuring/harness.mjs'
import { once } from '../measuring/host.mjs'
import { newFolder } from '../measuring/living.mjs'
import { compile } from '../measuring/programs.mjs'
import { median } from '../measuring/statistics.mjs'
import { number, spread } from '../showing/tables.mjs'

const REGISTERED = [100, 1_000, 10_000]
const RUNNING = [10, 100, 1_000]
const HOSTS = 3
const LONGEST_MS = 120_000

/** `of` is the unit of a cost: one child, all children together, or one call. Costs without `of` have no growth figure. */
const COSTS = {
  registered: [
    { key: 'register', of: 'child', what: 'register a child (ms)' },
    { key: 'list', of: 'all', what: '`list()` (us)' },
    { key: 'get', of: 'call', what: '`get(name)` (us)' },
    { key: 'memory', of: 'child', what: 'memory per sleeping child (KB)' },
    { key: 'cpu', what: 'idle CPU of the host (%)' },
  ],
  running: [
    { key: 'start', of: 'child', what: 'start, per child (ms)' },
    { key: 'stop', of: 'child', what: 'stop, per child (ms)' },
    { key: 'get', of: 'call', what: '`get(name)` (us)' },
    { key: 'again', of: 'call', what: '`start(name)` of a started child (us)' },
    { key: 'memory', of: 'child', what: 'additional memory per running child (KB)' },
    { key: 'list', what: '`list()` of all registered (us)' },
    { key: 'cpu', what: 'idle CPU of the host (%)' },
  ],
}

const NOTE = `A sleeping child was started once and then stopped. Here both happen in the same turn of the event loop, so that the child never has a process. The children are C servers on unix sockets. The host first registers more and more children; then more and more of ${REGISTERED.at(-1)} registered children run at once. Each cell summarises ${HOSTS} hosts. The time of a single call is the median of 11 measurements. Growth is the exponent by which a cost grows with the number of children, between the two largest sizes. For the cost of all children together, 1 is linear; for a single call, 0 is no growth. Memory is the memory of the objects in the host. The table of many children shows the resident memory of a host.`

const at = (host, kind, index, key) => host[kind][index][key]

/** Returns the exponent with which a cost grows between the two largest sizes; `null` for a cost without `of`. */
function growth(hosts, kind, { key, of }) {
  if (!of) return null
  return median(
    hosts.map((host) => {
      const [less, more] = host[kind].slice(-2)
      const cost = (size) => size[key] * (of === 'child' ? size.count : 1)
      return Math.log(cost(more) / cost(less)) / Math.log(more.count / less.count)
    }),
  )
}

function rowsOf(hosts, kind, sizes) {
  return COSTS[kind].map((costs) => {
    const cells = sizes.map((_size, index) => spread(hosts.map((host) => at(host, kind, index, costs.key))))
    const exponent = growth(hosts, kind, costs)
    return [costs.what, ...cells, exponent === null ? '' : number(exponent)]
  })
}

const tableOf = (hosts, kind, sizes, title, note) => ({
  title,
  note,
  columns: ['cost', ...sizes.map((size) => size.toLocaleString('en')), 'growth'],
  rows: rowsOf(hosts, kind, sizes),
})

const seriesOf = (hosts, kind, key, label, factor = () => 1) => ({
  label,
  points: hosts[0][kind].map(({ count }, index) => [
    count,
    median(hosts.map((host) => at(host, kind, index, key) * factor(count))),
  ]),
})

const all = (count) => count
const inMicroseconds = (count) => count * 1_000

const chartsOf = (hosts) => [
  {
    file: 'scale-time.svg',
    kind: 'lines',
    title: 'Time by the number of children',
    x: 'children, registered or running',
    y: 'us',
    series: [
      seriesOf(hosts, 'registered', 'register', 'register all', inMicroseconds),
      seriesOf(hosts, 'running', 'start', 'start all', inMicroseconds),
      seriesOf(hosts, 'running', 'stop', 'stop all', inMicroseconds),
      seriesOf(hosts, 'registered', 'list', 'list()'),
      seriesOf(hosts, 'registered', 'get', 'get(name)'),
      seriesOf(hosts, 'running', 'again', 'start(name), started'),
    ],
  },
  {
    file: 'scale-memory.svg',
    kind: 'lines',
    title: 'Host memory by the number of children',
    x: 'children, registered or running',
    y: 'KB in total',
    series: [
      seriesOf(hosts, 'running', 'memory', 'running', all),
      seriesOf(hosts, 'registered', 'memory', 'sleeping', all),
    ],
  },
]

function figuresOf(hosts) {
  const [last, most] = [RUNNING.length - 1, REGISTERED.length - 1]
  const steepest = Object.entries(COSTS).flatMap(([kind, costs]) =>
    costs.map((cost) => growth(hosts, kind, cost)),
  )
  return {
    'scale list': median(hosts.map((host) => at(host, 'running', last, 'list'))) / 1_000,
    'scale memory': median(hosts.map((host) => at(host, 'registered', most, 'memory'))),
    'scale growth': Math.max(...steepest),
  }
}

function failed(why) {
  const keys = ['scale list', 'scale memory', 'scale growth']
  return {
    figures: Object.fromEntries(keys.map((key) => [key, why])),
    tables: [{ title: 'Scale', columns: ['result'], rows: [[`not measured: ${why}`]] }],
  }
}

export async function measure({ quick }) {
  const program = compile(newFolder())
  if (process.platform !== 'linux') return failed('the figures are read from /proc')
  if (program.missing) return failed(program.missing)
  const args = [program.command, JSON.stringify(REGISTERED), JSON.stringify(RUNNING)]
  const sample = () => once('hosts/scale.mjs', args, ['--expose-gc'])
  const method = { name: 'host', longestMs: LONGEST_MS, sample }
  const results = await interleave('scale', [method], quick ? 1 : HOSTS)
  const { samples, error } = results.get('host')
  if (error !== null) return failed(error)
  return {
    figures: figuresOf(samples),
    tables: [
      tableOf(samples, 'registered', REGISTERED, 'Scale: registered children that sleep', NOTE),
      tableOf(samples, 'running', RUNNING, `Scale: running children, of ${REGISTERED.at(-1)} registered`),
    ],
    charts: chartsOf(samples),
  }
}
