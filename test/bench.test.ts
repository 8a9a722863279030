import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { newFolder, until } from './support/host.ts'
import { root, run } from './support/programs.ts'

interface Sample {
  readonly [key: string]: number
}
interface Method {
  readonly name: string
  readonly rounds?: number
  sample(round: number): Promise<Sample>
}
interface Result {
  readonly samples: readonly Sample[]
  readonly error: string | null
}
interface Harness {
  interleave(label: string, methods: readonly Method[], rounds: number): Promise<Map<string, Result>>
}
interface Statistics {
  pairedRatio(samples: readonly Sample[], limits: readonly Sample[], key: string): number | null
}
interface Target {
  readonly subject: string
  readonly what: string
  readonly most?: number
  readonly least?: number
}
interface Sweep {
  marked(): Record<string, string>
  sweep(): void
}
interface Summary {
  summaryOf(targets: Record<string, object>, figures: Record<string, unknown>): { rows: string[][] }
}
interface Charts {
  draw(chart: object): string
}

const from = (file: string): string => path.join(root, 'bench', file)
const harness: Harness = await import(from('measuring/harness.mjs'))
const statistics: Statistics = await import(from('measuring/statistics.mjs'))
const summary: Summary = await import(from('showing/summary.mjs'))
const { marked, sweep }: Sweep = await import(from('measuring/sweep.mjs'))
const charts: Charts = await import(from('showing/charts.mjs'))
const { SUBJECTS }: { SUBJECTS: Record<string, object> } = await import(from('subjects.mjs'))
const { TARGETS }: { TARGETS: Record<string, Target> } = await import(from('targets.mjs'))

const bench = (...args: string[]) => run(process.execPath, [from('run.mjs'), ...args], root)

describe('a round of measurements', () => {
  test('continues without a method that fails, and reports the error', async () => {
    const fails: Method = { name: 'fails', sample: () => Promise.reject(new Error('no such program')) }
    const works: Method = { name: 'works', sample: async () => ({ ms: 1 }) }
    const results = await harness.interleave('test', [fails, works], 4)
    expect(results.get('fails')).toEqual({ samples: [], error: 'no such program' })
    expect(results.get('works')?.samples).toHaveLength(4)
  })

  test('compares only samples of the same round', async () => {
    const limit: Method = { name: 'limit', sample: async (round) => ({ ms: 10 ** round }) }
    const rare: Method = { name: 'rare', rounds: 2, sample: async (round) => ({ ms: 3 * 10 ** round }) }
    const results = await harness.interleave('test', [limit, rare], 5)
    const [ours, theirs] = [results.get('rare')?.samples ?? [], results.get('limit')?.samples ?? []]
    expect(ours.filter(Boolean)).toHaveLength(2)
    expect(statistics.pairedRatio(ours, theirs, 'ms')).toBe(3)
  })
})

describe('a target', () => {
  test('belongs to a subject, and has one bound', () => {
    for (const [key, { subject, most, least }] of Object.entries(TARGETS)) {
      expect(Object.keys(SUBJECTS), key).toContain(subject)
      expect(
        [most, least].filter((bound) => bound !== undefined),
        key,
      ).toHaveLength(1)
    }
  })

  test('is shown as reached, not reached or not measured, with the reason', () => {
    const most = { what: 'a', most: 1.1, unit: 'x', reason: 'it must' }
    const least = { what: 'b', least: 2, unit: 'ms' }
    const verdicts = (...figures: unknown[]): string[] =>
      figures.map((figure) => summary.summaryOf({ a: most }, { a: figure }).rows[0]?.slice(2).join(' ') ?? '')
    expect(verdicts(1.104, 1.106, 'no compiler', undefined)).toEqual([
      'x1.10 reached ',
      'x1.11 **not reached** it must',
      'not measured not reached no compiler',
      'not measured not reached it did not run',
    ])
    expect(summary.summaryOf({ b: least }, { b: 2.5 }).rows).toEqual([
      ['b', '>= 2 ms', '2.50 ms', 'reached', ''],
    ])
  })

  test('is measured by the subject that it names', async () => {
    const { code, output } = await bench('touch', '--rounds', '1', '--json')
    expect(code).toBe(0)
    const result = JSON.parse(output.split('\n').find((line) => line.startsWith('{')) ?? '')
    const targets = Object.keys(TARGETS).filter((key) => TARGETS[key]?.subject === 'touch')
    expect(Object.keys(result.results[0].figures).sort()).toEqual(targets.sort())
    for (const key of targets) expect(result.results[0].figures[key], key).toBeGreaterThan(0)
  })
})

describe('the sweep', () => {
  test.runIf(process.platform === 'linux')(
    'ends the processes with the mark of its run, and no others',
    async () => {
      const sleeper = (env: Record<string, string>): ChildProcess =>
        spawn('sleep', ['600'], { env: { ...process.env, ...env }, stdio: 'ignore', detached: true })
      const [ours, another] = [sleeper(marked()), sleeper({ SPINNER_BENCH: `${process.pid}0` })]
      try {
        await until(
          () => [ours, another].every(({ pid }) => commandOf(pid) === 'sleep 600 '),
          'both sleepers',
        )
        const gone = new Promise((resolve) => ours.once('exit', (_code, signal) => resolve(signal)))
        sweep()
        expect(await gone).toBe('SIGKILL')
        expect(commandOf(another.pid)).toBe('sleep 600 ')
      } finally {
        const gone = new Promise((resolve) => another.once('exit', resolve))
        for (const child of [ours, another]) child.kill('SIGKILL')
        await gone
      }
    },
  )
})

describe('a chart', () => {
  test('has bars with lengths in proportion to the values, and describes itself in words', () => {
    const bars = [
      { label: 'a < b', value: 10 },
      { label: 'c', value: 20 },
      { label: 'd', missing: 'not here' },
    ]
    const svg = charts.draw({ kind: 'bars', title: 'Times', unit: 'ms', groups: [{ bars }] })
    const widths = [...svg.matchAll(/<rect class="fill-\d" [^>]*width="([\d.]+)"/g)].map((match) =>
      Number(match[1]),
    )
    expect(widths).toHaveLength(2)
    expect((widths[1] as number) / (widths[0] as number)).toBeCloseTo(2, 1)
    expect(svg).toContain('<desc id="desc">a &lt; b 10 ms, c 20 ms, d not measured.</desc>')
    expect(svg).toContain('>not here<')
  })

  test('has straight lines for values that grow in proportion', () => {
    const points = [10, 100, 1_000].map((count) => [count, count * 3])
    const svg = charts.draw({
      kind: 'lines',
      title: 'Growth',
      x: 'n',
      y: 'ms',
      series: [{ label: 'all', points }],
    })
    const places = (/points="([^"]+)"/.exec(svg)?.[1] ?? '')
      .split(' ')
      .map((place) => place.split(',').map(Number))
    const slopes = [1, 2].map((at) => {
      const [[x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = [places[at - 1], places[at]]
      return (y2 - y1) / (x2 - x1)
    })
    expect(slopes[0]).toBeCloseTo(slopes[1] as number, 1)
    expect(slopes[0]).toBeLessThan(0)
  })
})

describe('the command', () => {
  test('lists its subjects, and rejects unknown subjects and values', async () => {
    const help = await bench('--help')
    for (const subject of Object.keys(SUBJECTS))
      expect(help.output).toMatch(new RegExp(`^  ${subject} `, 'm'))
    expect(await bench('speed')).toMatchObject({
      code: 2,
      output: expect.stringContaining("no subject 'speed'"),
    })
    expect(await bench('--rounds', 'many')).toMatchObject({ code: 2 })
  })

  test.runIf(process.platform === 'linux')(
    'leaves neither a process nor a folder if it is interrupted',
    async () => {
      const TMPDIR = mkdtempSync(path.join(newFolder(), 'tmp-'))
      const env = { ...process.env, TMPDIR }
      const cut = spawn(process.execPath, [from('run.mjs'), 'start'], {
        env,
        stdio: 'ignore',
        detached: true,
      })
      await until(
        () => below(cut).some((command) => command.includes('server.cjs')),
        'a child of the measurement',
      )
      expect(readdirSync(TMPDIR)).not.toEqual([])
      const ended = new Promise((resolve) => cut.once('exit', resolve))
      // Send the signal to the whole process group, as a terminal does.
      process.kill(-(cut.pid as number), 'SIGINT')
      expect(await ended).toBe(130)
      expect(below(cut)).toEqual([])
      expect(readdirSync(TMPDIR)).toEqual([])
    },
  )
})

function readOf(pid: number | string | undefined, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

const commandOf = (pid: number | string | undefined): string => readOf(pid, 'cmdline').replaceAll('\0', ' ')

/** Returns the commands of the living processes that a run has started. */
function below({ pid }: ChildProcess): string[] {
  const processes = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return processes
    .filter((other) => readOf(other, 'environ').split('\0').includes(`SPINNER_BENCH=${pid}`))
    .map(commandOf)
}
