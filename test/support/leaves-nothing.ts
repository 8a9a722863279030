import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, afterEach, expect } from 'vitest'
import { spinners } from './host.ts'

const warnings: string[] = []
process.on('warning', (warning) => warnings.push(`${warning.name}: ${warning.message}`))

afterEach(async () => {
  await Promise.allSettled([...spinners].map((spinner) => spinner.close()))
  spinners.clear()
  expect(warnings.splice(0)).toEqual([])
  expect(ownProcesses()).toEqual([])
})

afterAll(() => {
  expect(process.listenerCount('exit')).toBeLessThan(10)
})

/** Returns the commands of living processes that have the TEST_MARK of this test file in their environment. */
export function ownProcesses(): string[] {
  if (process.platform !== 'linux') return []
  const found: string[] = []
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`TEST_MARK=${process.pid}`)) continue
      const state = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')[0]
      if (state !== 'Z') found.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
    } catch {
      // The process has exited meanwhile.
    }
  }
  return found
}
