// How long a spawn holds the host, by the memory that the host has in use: the system copies the table of its pages.
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
  'to the limit',
  'start to ready (ms)',
  'to the limit',
]
const NOTE =
  'One C child is started by a host that has so much memory in use. `spawn` forks, and the system copies the table of all pages of the host meanwhile: that is the limit, and a library inside the host cannot do without. The helper is a Node process that was begun while the host was small, and is asked over a channel; spinner has none. [What it would gain and cost](scale.md#a-spawn-holds-the-host).'

async function sizeOf(megabytes, program, rounds) {
  const host = await newHost('hosts/freeze.mjs', [program.command])
  const used = await host.ask('grow', megabytes)
  const methods = METHODS.map(({ name, duty }) => ({ name, sample: () => host.ask(duty) }))
  await interleave(`freeze: ${megabytes} MB, warming up`, methods, 2)
  const results = await interleave(`freeze: ${megabytes} MB`, methods, rounds)
  host.end()
  return { megabytes: Math.round(used), results }
}

/** Twice as much must be free: where memory is short the figures would be those of the swap. */
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
  title: 'How long one start holds the host, by its memory',
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
  const title = 'A spawn holds the host'
  const program = compile(newFolder())
  const why = process.platform === 'linux' ? program.missing : 'the memory is read from /proc'
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
