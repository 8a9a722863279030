import { afterEach, describe, expect, test } from 'vitest'
import { PortAllocator } from '../../src/address/ports.ts'
import { accepts } from '../../src/probe.ts'
import { deferred } from '../../src/promises.ts'
import { realSys } from '../../src/sys.ts'
import type { Child } from '../../src/types/child.ts'
import type { Logger } from '../../src/types/options.ts'
import { endPuppets, failureOf, sleeper, startedPuppet, watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, get, newSpinner, next, until } from '../support/host.ts'
import { serving } from '../support/start-first.ts'

// Members of a child that are public so that plugins, pools and gateways need nothing internal.

afterEach(endPuppets)

/** Kills the process of a child, and waits until the child is faulted and nothing of the process is left. */
async function fault(child: Child): Promise<void> {
  const faulted = next(child, 'faulted')
  process.kill(child.pid as number, 'SIGKILL')
  await faulted
  await until(() => child.pid === null)
}

describe('serves', () => {
  test('is true from the moment a child is started until it is about to be ended', async () => {
    const spinner = newSpinner()
    const child = spinner.define(sleeper('web'))
    const seen: Record<string, boolean> = { before: child.serves }
    child.on('state', (to) => {
      seen[to] = child.serves
    })
    await spinner.start('web')
    await child.stop()
    expect(seen).toEqual({ before: false, starting: false, started: true, stopping: false, stopped: false })
  })

  test('is false in a restart that ends the old process first', async () => {
    const { child, states } = await serving({ restartOrder: 'stop-first' })
    const seen: boolean[] = []
    child.on('state', () => void seen.push(child.serves))
    await child.restart()
    expect(states).toEqual(['restart', 'started'])
    expect(seen).toEqual([false, true])
  })

  test('is true all the time in a restart that starts the new process first', async () => {
    const { child, states } = await serving()
    const seen: boolean[] = []
    child.on('state', () => void seen.push(child.serves))
    const restarted = child.restart()
    await until(() => child.state === 'restart')
    expect(await get(child.target)).toContain('one')
    await restarted
    expect(states).toEqual(['restart', 'started'])
    expect(seen).toEqual([true, true])
  })

  test('is false once a child is faulted', async () => {
    const child = newSpinner({ maxRestarts: 0 }).start(sleeper('web'))
    await child
    await fault(child)
    expect(child.serves).toBe(false)
  })
})

describe('needsRetry', () => {
  test('is true while a child is faulted, and false once it is started again', async () => {
    const child = newSpinner({ maxRestarts: 0 }).start(sleeper('web'))
    expect(child.needsRetry).toBe(false)
    await child
    await fault(child)
    expect(child.needsRetry).toBe(true)
    const restarted = child.restart()
    expect(child.needsRetry).toBe(false)
    await restarted
    expect(child.needsRetry).toBe(false)
  })

  test('is true if the last start found no free slot, until the child is stopped or started', async () => {
    const { clock, sys } = watched()
    const spinner = newSpinner({ maxRunning: 1, timeout: 5, idleTimeSec: -1 }, sys)
    const lease = await spinner.acquire(sleeper('other'))
    const child = spinner.define(sleeper('web'))
    const findNoSlot = async (): Promise<void> => {
      const failed = failureOf(spinner.start('web'))
      await clock.advance(5)
      expect(await failed).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
      await until(() => child.state === 'stopped')
      expect(child.needsRetry).toBe(true)
    }
    await findNoSlot()
    await child.stop()
    expect(child.needsRetry).toBe(false)
    await findNoSlot()
    lease.release()
    await spinner.start('web')
    expect(child.needsRetry).toBe(false)
  })

  test('is false for a child that was never started, and for one that was stopped', async () => {
    const spinner = newSpinner()
    const child = spinner.define(sleeper('web'))
    expect(child.needsRetry).toBe(false)
    await spinner.start('web')
    await child.stop()
    expect(child.needsRetry).toBe(false)
  })
})

describe('tryAcquire', () => {
  test('returns null and starts nothing while the child does not serve', async () => {
    const { pids, sys } = watched()
    const spinner = newSpinner({}, sys)
    const child = spinner.define(sleeper('web'))
    expect(child.tryAcquire()).toBe(null)
    expect([child.state, child.info().leases, pids.length]).toEqual(['stopped', 0, 0])
    const started = spinner.start('web')
    expect([child.state, child.tryAcquire()]).toEqual(['starting', null])
    await started
    const stopped = child.stop()
    expect([child.state, child.tryAcquire()]).toEqual(['stopping', null])
    await stopped
    expect(pids).toHaveLength(1)
  })

  test('returns a lease at once while the child serves, with its address', async () => {
    const { child } = await serving()
    const lease = child.tryAcquire()
    expect(lease?.address).toBe(child.address)
    expect(lease?.target).toEqual(child.target)
    expect(child.info().leases).toBe(1)
    lease?.release()
    lease?.release()
    expect(child.info().leases).toBe(0)
  })

  test('keeps the child from becoming idle until the lease is released', async () => {
    const { clock, sys } = watched()
    const child = newSpinner({}, sys).start({ ...sleeper('web'), idleTimeSec: 10 })
    await child
    const lease = child.tryAcquire()
    await clock.advance(60)
    expect(child.state).toBe('started')
    const stopped = next(child, 'stopped')
    lease?.release()
    await clock.advance(12)
    await stopped
    expect(child.info().reason).toContain('10 s')
  })
})

describe('reload', () => {
  test('restarts the child with the options that it was given last', async () => {
    const spinner = newSpinner()
    const child = spinner.start({ ...sleeper('web'), args: ['601'] })
    await child
    const { pid } = child
    spinner.define({ ...sleeper('web'), args: ['602'] })
    expect(child.info().options.args).toEqual(['601'])
    await child.reload()
    expect(child.pid).not.toBe(pid)
    expect(child.info()).toMatchObject({ restarts: 1, options: { args: ['602'] } })
  })

  test('starts a child that is stopped', async () => {
    const child = newSpinner().define(sleeper('web'))
    await child.reload()
    expect(child.state).toBe('started')
  })

  test('begins a restart again that is under way with earlier options, unlike `restart`', async () => {
    const { it } = await startedPuppet({ args: ['-c', 'echo up; exec sleep 601'] })
    const { child, clock, options, pids, spinner } = it
    // The process of the restart does not become ready.
    it.opened = deferred<void>()
    const restarted = failureOf(child.restart())
    await until(() => pids.length === 2)
    spinner.define({ ...options, args: ['-c', 'echo up; exec sleep 602'] })
    const joined = child.restart()
    await clock.advance(0)
    expect([child.state, pids.length]).toEqual(['restart', 2])
    const reloaded = child.reload()
    await until(() => pids.length === 3)
    it.opened.resolve()
    await Promise.all([restarted, joined, reloaded])
    expect(child.info().options.args).toEqual(['-c', 'echo up; exec sleep 602'])
    expect(child.pid).toBe(pids[2])
  })

  test('rejects if the child does not come up', async () => {
    const spinner = newSpinner({ attempts: 1 })
    const child = spinner.start(sleeper('web'))
    await child
    spinner.define({ ...sleeper('web'), command: 'false', ready: 'message' })
    expect(await failureOf(child.reload())).toMatchObject({ code: 'ERR_SPINNER_EXITED', child: 'web' })
  })
})

describe('reportError', () => {
  test('emits an `error` event of the child and of its spinner, and changes nothing else', async () => {
    const spinner = newSpinner()
    const child = spinner.start(sleeper('web'))
    await child
    const { pid } = child
    const error = new Error('the metrics could not be sent')
    const [ofChild, ofSpinner] = [next(child, 'error'), next(spinner, 'error')]
    child.reportError(error)
    expect(await ofChild).toEqual([error])
    expect(await ofSpinner).toEqual([child, error])
    expect([child.state, child.pid, child.info().lastError]).toEqual(['started', pid, null])
  })

  test('emits the event after the call, so that no listener runs in the middle of the plugin', async () => {
    const child = newSpinner().define(sleeper('web'))
    const order: string[] = []
    child.on('error', () => order.push('event'))
    child.reportError(new Error('late'))
    order.push('call')
    await until(() => order.length === 2)
    expect(order).toEqual(['call', 'event'])
  })

  test('makes an error of any other value', async () => {
    const child = newSpinner().define(sleeper('web'))
    const reported = next(child, 'error')
    child.reportError('only a string')
    expect(await reported).toEqual([new Error('only a string')])
  })

  test('writes one line to the logger if nobody listens', async () => {
    const lines: string[] = []
    const note = (line: string): void => void lines.push(line)
    const logger: Logger = { info: note, warn: note, error: note, debug: note }
    newSpinner({ logger }).define(sleeper('web')).reportError(new Error('nobody listens'))
    await until(() => lines.length > 0)
    expect(lines).toEqual(['[spinner] web: nobody listens'])
  })

  test('never throws, even if a listener does', async () => {
    const child = newSpinner().define(sleeper('web'))
    const seen: Error[] = []
    child.on('error', () => {
      throw new Error('a mistake in a listener')
    })
    child.on('error', (error) => void seen.push(error))
    child.reportError(new Error('first'))
    await until(() => seen.length > 0)
    expect(seen.map(({ message }) => message)).toEqual(['first'])
  })
})

describe('info().elsewhere', () => {
  test('says where a process listens that is not ready, until the start has failed', async () => {
    const port = await new PortAllocator(realSys).allocate('elsewhere')
    const { clock } = watched()
    const options = { attempts: 1, listen: 'port', env: { ELSEWHERE: port } } as const
    const child = newSpinner(options, sysWith({ clock })).start({
      script: fixture('listens-elsewhere.js'),
      monitor: null,
    })
    const failed = failureOf(child)
    await until(() => accepts(realSys, { host: '127.0.0.1', port }))
    expect(child.info().elsewhere).toBe(null)
    await clock.advance(5)
    const elsewhere = await until(() => child.info().elsewhere)
    expect(elsewhere).toContain(`it listens on ${port}, expected ${child.address}`)
    await clock.advance(30)
    expect(await failed).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
    await until(() => child.info().pid === null)
    expect(child.info().elsewhere).toBe(null)
  })

  test('is null for a child that is ready, and for one that does not run', async () => {
    const { child } = await serving()
    expect(child.info().elsewhere).toBe(null)
    await child.stop()
    expect(child.info().elsewhere).toBe(null)
  })
})
