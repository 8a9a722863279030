import { expect, test } from 'vitest'
import { JobQueue } from '../../../src/cli/run/job-queue.ts'
import { deferred } from '../../../src/promises.ts'
import { until } from '../../support/host.ts'

const ignore = (): void => {}

test('runs jobs one after another, and does not queue a job that is already waiting', async () => {
  const done: string[] = []
  const jobs = new JobQueue(ignore, () => void done.push('idle'))
  const first = deferred<void>()
  const noted = (name: string) => async (): Promise<void> => void done.push(name)
  jobs.add('restart', () => first.promise)
  for (const name of ['reload', 'restart', 'reload', 'restart']) jobs.add(name, noted(name))
  expect(jobs.isBusy).toBe(true)
  expect(done).toEqual([])
  first.resolve()
  await until(() => done.includes('idle'))
  expect(done).toEqual(['reload', 'restart', 'idle'])
})

test('reports a job that fails, and runs the next one', async () => {
  const failed: unknown[] = []
  const done: string[] = []
  const jobs = new JobQueue((thrown) => void failed.push(thrown), ignore)
  jobs.add('bad', () => Promise.reject(new Error('no')))
  jobs.add('good', async () => void done.push('good'))
  await until(() => done.length > 0)
  expect(failed).toEqual([new Error('no')])
})

test('runs no job after it is closed', async () => {
  const jobs = new JobQueue(ignore, ignore)
  jobs.close()
  jobs.add('late', () => Promise.reject(new Error('began')))
  expect(jobs.isBusy).toBe(false)
})
