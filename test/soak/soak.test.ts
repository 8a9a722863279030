import { expect, test } from 'vitest'
import { figuresOf } from './figures.ts'
import { soak } from './soak.ts'

const short = { cycles: 200, atOnce: 8, names: 50, seed: 1 }

test.runIf(process.platform === 'linux')(
  'H31 two hundred starts and stops leave no descriptor, no process, no listener and no file',
  async () => {
    const figures = figuresOf(await soak(short))
    expect(figures.filter(({ verdict }) => verdict === 'broken')).toEqual([])
    expect(figures.filter(({ verdict }) => verdict === 'held')).toHaveLength(10)
  },
)
