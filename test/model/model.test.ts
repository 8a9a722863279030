import { expect, test, vi } from 'vitest'
import { search } from './search.ts'

vi.mock('chokidar', () => ({ watch: () => ({ on: () => {}, close: async () => {}, closed: true }) }))

const RUNS = 1_000

test(`in ${RUNS} random runs the product does what the model predicts`, async () => {
  const seed = Date.now() % 2 ** 31
  const figures = { runs: 0, commands: 0 }
  const found = await search({ runs: RUNS, seed, path: '' }, figures)
  const repeated = `npm run model -- --seed ${found?.seed} --path ${found?.path}`
  expect(found, `To repeat it: ${repeated}\n${found?.text}`).toBeNull()
  expect(figures.runs).toBe(RUNS)
  expect(figures.commands).toBeGreaterThan(10 * RUNS)
})
