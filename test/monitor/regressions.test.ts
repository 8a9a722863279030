import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { realSys } from '../../src/sys.ts'
import { sleeper } from '../support/children.ts'
import { newFile, newSpinner, next, until } from '../support/host.ts'

const unhandled: unknown[] = []
const onUnhandled = (thrown: unknown): void => void unhandled.push(thrown)

beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', onUnhandled)
})

afterEach(() => {
  process.off('unhandledRejection', onUnhandled)
  vi.doUnmock('chokidar')
})

const outOfDescriptors = (): never => {
  throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
}

test.each([
  ['an import that fails', outOfDescriptors],
  ['a watcher that throws', () => ({ watch: outOfDescriptors })],
])('H41 %s is one warning of the child, which keeps running', async (_what, chokidar) => {
  let imports = 0
  vi.doMock('chokidar', () => {
    imports++
    return chokidar()
  })
  const file = newFile('main.txt', 'first')
  const errors: Error[] = []
  const spinner = newSpinner()
  spinner.on('error', (_child, error) => void errors.push(error))
  const child = spinner.start({ ...sleeper('a'), monitor: { paths: file, debounce: 0 } })
  await child
  await until(() => errors.length > 0)
  expect(imports).toBeGreaterThan(0)
  expect(errors[0]?.message).toContain("'a': files cannot be watched, so they are polled once a second")
  // Roots are checked in any case, so a change is still noticed.
  const restarted = next(child, 'restarted')
  writeFileSync(file, 'second, and longer')
  await restarted
  await spinner.close()
  await realSys.nextTurn()
  expect(errors).toHaveLength(1)
  expect(unhandled).toEqual([])
})
