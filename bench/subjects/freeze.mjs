// Measures how long a spawn blocks the host, by host memory: the system copies the page table of the host.
import { freemem } from 'node:os'
import { interleave } from '../measuring/harness.mjs'
import { newHost } from '../measuring/host.mjs'
import { newFolder } from '../measuring/living.mjs'
import { compile } from '../measuring/programs.mjs'
import { median, valuesOf } from '../measuring/statistics.mjs'
import { cell, ratioCell } from '../showing/tables.mjs'

const SIZES = [64, 300, 1_024, 2_048]
const LIMIT = 'bare spawn'
const METHODS = [
  { name: LIMIT, duty: 'bare' },
  { name: 'spinner', duty: 'spinner' },
  { name: 'helper process (not built)', duty: 'helper' },
]
const COLUMNS = [
  'memory of the host (MB)',
  'method',
  'longest stall of the host (ms)',
  'ratio to limit',
  'start to ready (ms)',
  'ratio to limit',
]
const NOTE =
  'A host with the given memory in use starts one C child. `spawn` forks, and the system copies the page table of the host. This copy is the limit, and a library inside the host cannot avoid it. The helper is a Node process that was started while the host was small, and receives its requests over a channel. spinner has no such helper. [Gains and costs of a helper](scale.md#a-spawn-blocks-the-host).'

async function sizeOf(megabytes, program, rounds) {
  const host = await newHost('hosts/freeze.mjs', [program.command])
  const used = await host.ask('grow', megabytes)
  const methods = METHODS.map(({ name, duty }) => ({ name, sample: () => host.ask(duty) }))
  await interleave(`freeze: ${megabytes} MB, warming up`, methods, 2)
  const results = await interleave(`freeze: ${megabytes} MB`, methods, rounds)
  host.end()
  return { megabytes: Math.round(used), results }
}

/** Requires twice as much free memory, because with swapping the figures would be wrong. */
const fits = (megabytes) => freemem() / 2 ** 20 > megabytes * 2

function rowsOf({ megabytes, results, why }) {
  if (why) return [[megabytes, 'all', why]]
  return METHODS.map(({ name }) => {
    const both = (key) => [
      cell(results.get(name), key),
      ratioCell(results.get(name), results.get(LIMIT), key),
    ]
    return [megabytes, name, ...both('stall'), ...(results.get(name).error === null ? both('ready') : [])]
  })
}

const chartOf = (measured) => ({
  file: 'freeze.svg',
  kind: 'lines',
  log: false,
  title: 'How long one start blocks the host, by host memory',
  x: 'memory of the host (MB)',
  y: 'longest stall (ms)',
  series: METHODS.map(({ name }) => ({
    label: name,
    points: measured
      .filter(({ results }) => results)
      .map(({ megabytes, results }) => [megabytes, median(valuesOf(results.get(name).samples, 'stall'))]),
  })),
})

export async function measure({ rounds, quick }) {
  const title = 'A spawn blocks the host'
  const program = compile(newFolder())
  const why = process.platform === 'linux' ? program.missing : 'the benchmark reads memory from /proc'
  if (why) return { tables: [{ title, columns: ['result'], rows: [[`not measured: ${why}`]] }] }
  const measured = []
  for (const megabytes of quick ? SIZES.slice(0, 3) : SIZES) {
    measured.push(
      fits(megabytes)
        ? await sizeOf(megabytes, program, rounds)
        : { megabytes, why: 'not measured: this machine has too little free memory' },
    )
  }
  const rows = measured.flatMap(rowsOf)
  return { tables: [{ title, note: NOTE, columns: COLUMNS, rows }], charts: [chartOf(measured)] }
}
