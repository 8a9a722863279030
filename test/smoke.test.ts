import { expect, test } from 'vitest'
import { fixture, get, newSpinner } from './support/host.ts'

test('a script starts, answers on its address and stops', async () => {
  const spinner = newSpinner()
  const child = spinner.start(fixture('hello.js'))
  const address = await child
  expect(typeof address).toBe('string')
  expect(await get(child.target)).toBe(`hello from ${child.pid}`)
  await spinner.stop(child.name)
  expect(child.state).toBe('stopped')
})
