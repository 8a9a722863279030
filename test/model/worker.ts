import { search } from './search.ts'
import { withoutChokidar } from './without-chokidar.ts'

const [runs = '1', seed = '0', path = ''] = process.argv.slice(2)
const REPORT_EVERY = 500

// Disable stack traces: millions of errors are created, and the message of the one that is printed is enough.
Error.stackTraceLimit = 0
withoutChokidar()
process.on('disconnect', () => process.exit(1))

const figures = { runs: 0, commands: 0 }
const report = (done: boolean, mismatch: object | null): void => {
  process.send?.({ ...figures, heap: process.memoryUsage().heapUsed, done, mismatch })
}
const mismatch = await search({ runs: Number(runs), seed: Number(seed), path }, figures, () => {
  if (figures.runs % REPORT_EVERY !== 0) return
  if (figures.runs % (REPORT_EVERY * 20) === 0) globalThis.gc?.()
  report(false, null)
})
report(true, mismatch)
process.disconnect()
