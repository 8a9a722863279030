import { spawnSync } from 'node:child_process'
import net from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { StartOptions } from '../../src/types/options.ts'
import { failureOf } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, newFolder, newSpinner, until } from '../support/host.ts'

const isVerified = async (options: StartOptions, spinner = newSpinner()): Promise<boolean | undefined> => {
  await spinner.start({ name: 'a', monitor: null, ...options })
  return spinner.get('a')?.verified
}

const canUnshare = spawnSync('unshare', ['--net', 'true']).status === 0

describe.runIf(process.platform === 'linux')(
  '`verified` is true if the child itself was seen to listen',
  () => {
    test.each(['socket', 'port'] as const)(
      "with listen: '%s', from the moment it is ready until it stops",
      async (listen) => {
        const spinner = newSpinner()
        const child = spinner.start({ script: fixture('hello.js'), listen, monitor: null })
        expect(child.info().verified).toBe(false)
        await child
        expect(child.info().verified).toBe(true)
        await child.stop()
        expect(child.info().verified).toBe(false)
      },
    )

    test('if a process that the child has started listens', async () => {
      expect(await isVerified({ script: fixture('listens-in-grandchild.js') })).toBe(true)
    })

    test.each<[string, StartOptions]>([
      [
        "'message'",
        { script: fixture('sends-message.js'), ready: 'message', ipc: true, env: { MESSAGE: '"ready"' } },
      ],
      ["'spawn'", { script: fixture('hello.js'), ready: 'spawn' }],
      ['a function', { script: fixture('hello.js'), ready: () => {} }],
    ])('but not if readiness is %s', async (_what, options) => {
      expect(await isVerified(options)).toBe(false)
    })

    test('but not if the system does not show the owners of sockets', async () => {
      const spinner = newSpinner({}, sysWith({ platform: 'darwin' }))
      expect(await isVerified({ script: fixture('hello.js') }, spinner)).toBe(false)
    })

    test.runIf(canUnshare)(
      'but not if it listens in another network namespace, in which its path can be reached',
      async () => {
        const args = ['--net', process.execPath, fixture('hello.js')]
        const spinner = newSpinner({ runtimeDir: newFolder() })
        expect(await isVerified({ command: 'unshare', args }, spinner)).toBe(false)
      },
    )

    test('H34 a foreign listener on its private path is not mistaken for the child', async () => {
      const child = newSpinner({ attempts: 1, timeout: 1 }).start({
        script: fixture('listens-elsewhere.js'),
        env: { ELSEWHERE: 0 },
        monitor: null,
      })
      const started: unknown[] = []
      child.on('started', (address) => started.push(address))
      const failure = failureOf(child)
      const foreigner = net.createServer()
      onTestFinished(() => void foreigner.close())
      const address = await until(() => child.pid !== null && child.address)
      foreigner.listen(address)
      expect(await failure).toMatchObject({ code: 'ERR_SPINNER_FOREIGN_LISTENER' })
      expect(started).toEqual([])
    })
  },
)
