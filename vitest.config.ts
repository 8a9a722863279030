import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest begins first: a file that begins last and takes a minute leaves one of two workers idle for it. */
const LONG = [
  'chaos/',
  'e2e/',
  'process/exhausted-host',
  'load/',
  'gateway/proxy/races',
  'orphans/orphans',
  'monitor',
  'nginx/',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((part) => moduleId.includes(`/test/${part}`))
      return at < 0 ? LONG.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/leaves-nothing.ts'],
    sequence: { sequencer: LongestFirst },
    // Each file is a host of its own: a process that crashes or leaks is one file's failure.
    pool: 'forks',
    // One more than the cores of a small machine: much of a test is waiting.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
  },
})
