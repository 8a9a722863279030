import { expect, test } from 'vitest'
import { has } from '../support/needs.ts'
import { allCases, randomFrom, sampleOf } from './cases.ts'
import { ERRNOS } from './forms.ts'
import { Runner } from './runner.ts'

const JOBS = 6

test.runIf(process.platform === 'linux' && has('cc'))(
  'if any single call to the system fails, nothing is left behind and the next start works',
  { timeout: 300_000 },
  async () => {
    const seed = Number(process.env['FAULTS_SEED'] ?? Math.floor(Math.random() * 1e6))
    const all = await allCases(randomFrom(seed))
    const sample = sampleOf(all, randomFrom(seed))
    const runner = new Runner()
    await runner.run(sample, JOBS)
    const seams = (cases: typeof all): string[] =>
      [...new Set(cases.map(({ injection }) => injection.seam))].sort()
    expect(seams(sample)).toEqual(seams(all))
    expect(new Set(sample.map(({ injection }) => injection.errno)).size).toBe(ERRNOS.length)
    expect(runner.results.length).toBe(sample.length)
    expect(runner.failures, `repeat with FAULTS_SEED=${seed}`).toEqual([])
  },
)
