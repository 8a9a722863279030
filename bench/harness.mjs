// What all measurements share: rounds in random order, medians and quartiles, ratios pair by pair, tables.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const here = import.meta.dirname
const LONGEST_SAMPLE_MS = 20_000
const LONGEST_ERROR = 80

/** What a child may inherit. Anything else, `NODE_EXTRA_CA_CERTS` above all, may triple the start of Node. */
export function cleanEnvironment() {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'SystemRoot']
  return Object.fromEntries(kept.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : [])))
}

export const children = {
  node: { command: process.execPath, args: [path.join(here, 'children/server.cjs')] },
}

const folders = []
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder that goes when this process ends, for sockets, programs and files. */
export function newFolder() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-bench-'))
  folders.push(folder)
  return folder
}

/** Compiles the C server, or says why that cannot be done. */
export function compile(folder) {
  const program = path.join(folder, 'server')
  const { error, status } = spawnSync('cc', ['-O2', '-o', program, path.join(here, 'children/server.c')])
  if (error) return { missing: 'not measured: there is no `cc` here' }
  if (status !== 0) return { missing: 'not measured: `cc` could not compile the C server' }
  return { command: program, args: [] }
}

export const progress = (text) => process.stderr.write(`bench: ${text}\n`)

/**
 * Takes `rounds` samples of each method, in a new random order each round. A method is a function that gives
 * numbers by key; one that throws is not asked again, and its row says why.
 */
export async function interleave(label, methods, rounds) {
  const results = new Map(methods.map(({ name }) => [name, { samples: [], error: null }]))
  for (let round = 0; round < rounds; round++) {
    for (const { name, sample } of shuffled(methods)) {
      const result = results.get(name)
      if (result.error !== null) continue
      try {
        result.samples.push(await inTime(sample(round)))
      } catch (thrown) {
        result.error = String(thrown?.message ?? thrown)
          .split('\n', 1)[0]
          .slice(0, LONGEST_ERROR)
      }
    }
    if (round === 0 || (round + 1) % 5 === 0) progress(`${label}: round ${round + 1} of ${rounds}`)
  }
  return results
}

function inTime(promise) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('took longer than 20 s')), LONGEST_SAMPLE_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

function shuffled(items) {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[order[last], order[other]] = [order[other], order[last]]
  }
  return order
}

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return low + (high - low) * (at - Math.floor(at))
}

export function summary(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) }
}

/** The median of the ratios of samples that were taken in the same round. */
export function pairedRatio(samples, limits, key) {
  const ratios = samples.map((sample, round) => sample[key] / limits[round]?.[key])
  return summary(ratios)?.median ?? null
}

const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
export const number = (value) => value.toFixed(digits(value))

/** One row for each method that measured `key`: time, ratio to the limit, target, verdict. */
export function rowsOf(label, key, methods, results) {
  const [limit] = methods
  return methods.map(({ name, targets, incomparable }) => {
    const { samples, error } = results.get(name)
    const head = [label, name]
    const times = summary(samples.map((sample) => sample[key]))
    if (error !== null || times === null)
      return [...head, `failed: ${error ?? 'no sample'}`, '', '', 'not reached']
    const spread = `${number(times.median)} [${number(times.q1)}..${number(times.q3)}]`
    if (name === limit.name) return [...head, spread, 'x1', '', '']
    if (incomparable) return [...head, spread, '', '', '']
    const ratio = pairedRatio(samples, results.get(limit.name).samples, key)
    const shown = ratio === null ? 'no limit' : `x${ratio.toFixed(2)}`
    const target = targets?.[key]
    if (target === undefined) return [...head, spread, shown, '', '']
    return [...head, spread, shown, `<= x${target}`, verdict(ratio, target)]
  })
}

export const verdict = (value, target) =>
  value !== null && Math.round(value * 100) / 100 <= target ? 'reached' : 'not reached'

/** Lines of a Markdown table whose columns are aligned, so that it reads well in a terminal too. */
export function render({ title, note, columns, rows }) {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => String(row[index] ?? '').length)),
  )
  const line = (cells) =>
    `| ${widths.map((width, at) => String(cells[at] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [`## ${title}`, '', ...(note ? [note, ''] : []), line(columns), rule, ...rows.map(line), ''].join(
    '\n',
  )
}
