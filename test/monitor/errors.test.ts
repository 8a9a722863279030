import fs from 'node:fs'
import type { FSWatcher } from 'chokidar'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Monitor } from '../../src/monitor/monitor.ts'
import { SharedInterval } from '../../src/schedule/shared-interval.ts'
import { realSys } from '../../src/sys.ts'
import { fixture, newFile, newSpinner, until } from '../support/host.ts'

const made = vi.hoisted(() => ({ watchers: [] as FSWatcher[] }))

vi.mock('chokidar', async (original) => {
  const real = await original<typeof import('chokidar')>()
  const watch: typeof real.watch = (...call) => {
    const watcher = real.watch(...call)
    made.watchers.push(watcher)
    return watcher
  }
  return { ...real, watch }
})

const limitReached = (): Error =>
  Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' })

/** Emits an error for each of many files, as the system does. */
function exhaust(): void {
  const watcher = made.watchers.at(-1) as FSWatcher
  for (let time = 0; time < 150; time++) watcher.emit('error', limitReached())
}

test('H41 files that cannot be watched are polled, after one warning', async () => {
  const file = newFile('main.js', 'first')
  const changes: string[] = []
  const warnings: string[] = []
  const settings = { paths: [file], ignore: [], debounce: 0.01 }
  const monitor = new Monitor(realSys, new SharedInterval(realSys.clock), settings, '/', {
    changed: (changed) => changes.push(changed),
    warn: (message) => warnings.push(message),
  })
  onTestFinished(() => monitor.close())
  await monitor.scanned
  const before = made.watchers.length
  exhaust()
  await until(() => made.watchers.length > before)
  expect(made.watchers.at(-1)?.options).toMatchObject({ usePolling: true, interval: 1_000 })
  fs.writeFileSync(file, 'second')
  await until(() => changes.length > 0)
  made.watchers.at(-1)?.emit('error', limitReached())
  fs.writeFileSync(file, 'third, and longer')
  await until(() => changes.length > 1)
  expect(changes).toEqual([file, file])
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('once a second')
  expect(warnings[0]).toContain('ENOSPC')
})

test('H41 the warning is an error event of the child, which keeps running', async () => {
  const file = newFile('main.js', 'first')
  const before = made.watchers.length
  const child = newSpinner().start({ script: fixture('hello.js'), monitor: file })
  const errors: Error[] = []
  child.on('error', (error) => errors.push(error))
  await child
  await until(() => made.watchers.length > before)
  exhaust()
  await until(() => errors.length > 0)
  expect(errors).toHaveLength(1)
  expect(errors[0]?.message).toContain('files cannot be watched, so they are polled once a second')
  const pid = child.pid
  fs.writeFileSync(file, 'second')
  await until(() => child.state === 'started' && child.pid !== pid)
})

test('H41 a watcher that opens itself again after it was closed is closed again', async () => {
  const handles = (): number => process.getActiveResourcesInfo().filter((one) => one === 'FSEventWrap').length
  await until(() => handles() === 0)
  const file = newFile('main.js', 'first')
  const settings = { paths: [file], ignore: [], debounce: 0.01 }
  const events = { changed: () => {}, warn: () => {} }
  const monitor = new Monitor(realSys, new SharedInterval(realSys.clock), settings, '/', events)
  await monitor.scanned
  const watcher = made.watchers.at(-1) as FSWatcher
  monitor.close()
  await until(() => watcher.closed)
  // chokidar does this if it was handling a removal when it was closed.
  watcher.add(file)
  expect(watcher.closed).toBe(false)
  watcher.emit('error', limitReached())
  await until(() => handles() > 0)
  await until(() => handles() === 0)
})
