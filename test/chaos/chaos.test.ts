import { describe, expect, test } from 'vitest'
import { faults, runFault } from './chaos.ts'
import { markRun } from './processes.ts'

/** Seed of the random choices. It is printed with each failure, and is all that a repetition needs. */
const SEED = 1

markRun()
process.env['TEST_MARK'] = String(process.pid)

describe.runIf(process.platform === 'linux')('the guarantees hold when', () => {
  for (const fault of faults.filter(({ short }) => short > 0)) {
    test.runIf((fault.missing?.() ?? null) === null)(fault.name, async () => {
      const indexes = Array.from({ length: fault.short }, (_, index) => index)
      const { failures, held } = await runFault(fault, { seed: SEED, indexes })
      expect({ seed: SEED, failures }).toEqual({ seed: SEED, failures: [] })
      expect(held).toBe(fault.short)
    })
  }
})
