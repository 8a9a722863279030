import { expect, test } from 'vitest'
import type { StartOptions } from '../../src/types/options.ts'
import { lives } from '../support/children.ts'
import { newSpinner, next, until } from '../support/host.ts'

/** What a command sees that clears its environment, and how it ended. */
async function seen(orphans: 'kill' | 'leave', options: Partial<StartOptions> = {}): Promise<unknown[]> {
  const script = 'read line; cd /proc/$$/fd; echo $0 $@ $A * $line; exit 7'
  const args = ['-i', 'A=b', 'sh', '-c', script, 'zero', 'two words']
  const spinner = newSpinner({ orphans, restart: 'never', listen: null, stdin: 'pipe' })
  const child = spinner.start({ name: 'a', command: 'env', args, ...options })
  await child
  const exit = next(child, 'exit')
  child.stdin?.end('a line\n')
  const [how] = await exit
  return [how, await until(() => child.info().output[0], 'its line')]
}

test.each([{}, { ipc: true }])(
  'H1 a command that clears its environment is the same behind its launcher, with %j',
  async (options) => {
    const plain = await seen('leave', options)
    expect(plain).toEqual([
      { code: 7, signal: null },
      expect.stringMatching(/^zero two words b [\d ]+ a line$/),
    ])
    expect(await seen('kill', options)).toEqual(plain)
  },
)

test.each(['kill', 'leave'] as const)(
  "a command that does not exist is the same error with orphans: '%s'",
  async (orphans) => {
    const child = newSpinner({ orphans, listen: null }).start({
      name: 'a',
      command: './missing/sudo',
      attempts: 1,
    })
    await expect(child.then()).rejects.toMatchObject({
      code: 'ERR_SPINNER_SPAWN',
      message: expect.stringContaining("the program './missing/sudo' does not exist"),
    })
  },
)

test('a signal reaches it as it is, and it leads its group under its own number', async () => {
  const child = newSpinner({ listen: null }).start({
    name: 'a',
    command: 'env',
    args: ['-i', 'sleep', '600'],
  })
  await child
  const pid = child.pid as number
  const exit = next(child, 'exit')
  await child.stop()
  expect((await exit)[0]).toEqual({ code: null, signal: 'SIGTERM' })
  expect(lives(pid)).toBe(false)
})
