import { describe, expect, test } from 'vitest'
import { accessOf } from '../../src/checks/access.ts'
import { check, responseTime } from '../../src/checks/index.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Check } from '../../src/types/plugin.ts'
import { failureOf } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, get, newSpinner, next, until } from '../support/host.ts'

const server = (name: string, options: Partial<StartOptions> = {}): StartOptions => ({
  name,
  script: fixture('answers-slowly.js'),
  ...options,
})

async function startedServer(options: Partial<StartOptions> = {}): Promise<{ child: Child }> {
  const child = newSpinner().start(server('web', options))
  await child
  return { child }
}

/** Runs a check once. */
const run = (checked: Check, child: Child): Promise<unknown> =>
  Promise.resolve(checked.run(child, new AbortController().signal))

const reasonOf = async (checked: Check, child: Child): Promise<string> =>
  (await failureOf(run(checked, child)))?.message ?? 'healthy'

describe('responseTime()', () => {
  test.each(['/', '/error', '/moved'])(
    'H21 finds a child healthy whose response to %s is complete, with any status and without following redirects',
    async (path) => {
      const { child } = await startedServer()
      const found = await run(responseTime({ path, threshold: 30 }), child)
      expect(found).toEqual({ seconds: expect.any(Number) })
    },
  )

  test.each(['/hangs', '/half', '/endless'])(
    'H21 fails if the response to %s is not complete in time, with the time as its figure',
    async (path) => {
      const { child } = await startedServer()
      const failure = await failureOf(run(responseTime({ path, threshold: 0.3 }), child))
      expect(failure?.message).toBe(`GET ${path} did not get a complete response within 0.3 s`)
      expect((failure as unknown as { figures: object }).figures).toEqual({ seconds: expect.any(Number) })
    },
  )

  test.each([
    ['/resets', /failed: .*(ECONNRESET|hang up)/],
    ['/early', /failed: the response ended before it was complete/],
    ['/nonsense', /failed: Parse Error/],
    ['/upgrades', /failed: the response was 101, but no upgrade was requested/],
  ])('H21 fails at once if the response to %s breaks off or is not valid', async (path, reason) => {
    const { child } = await startedServer()
    expect(await reasonOf(responseTime({ path, threshold: 3_000 }), child)).toMatch(reason)
  })

  test('fails if the connection is refused', async () => {
    const { child } = await startedServer({ listen: 'port' })
    const gone = newSpinner().start(server('gone', { listen: 'port' }))
    await gone
    const { target } = gone
    await gone.stop()
    const elsewhere = Object.create(child, { target: { value: target } }) as Child
    Object.defineProperty(elsewhere, 'checkAccess', { value: { context: accessOf(child).context } })
    expect(await reasonOf(responseTime(), elsewhere)).toContain('ECONNREFUSED')
  })

  test('H21 reads a gigabyte to its end and keeps none of it', async () => {
    const { child } = await startedServer()
    const before = process.memoryUsage.rss()
    let most = before
    const watching = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss())
    }, 20)
    try {
      await run(responseTime({ path: '/gigabyte', threshold: 300 }), child)
    } finally {
      clearInterval(watching)
    }
    expect((most - before) / 2 ** 20).toBeLessThan(250)
  })

  test('E14 restarts a frozen child that still accepts connections after `retries` failures', async () => {
    const checks = [responseTime({ threshold: 0.1, interval: 0.02, retries: 3 })]
    const { child } = await startedServer({ checks, stopTimeout: 0, stopSignal: 'SIGKILL' })
    const restarted = next(child, 'restarted')
    process.kill(child.pid as number, 'SIGSTOP')
    await restarted
    expect(child.info()).toMatchObject({
      crashes: 0,
      restarts: 1,
      reason: "check 'responseTime' failed: GET / did not get a complete response within 0.1 s",
    })
  })

  test('H21 sends one request at a time, each on its own connection', async () => {
    const checks = [responseTime({ path: '/hangs', threshold: 0.05, interval: 0.001, retries: 1_000 })]
    const { child } = await startedServer({ checks })
    await until(() => (child.info().checks['responseTime']?.failures ?? 0) >= 5)
    // The request that hangs, and the one that asks for this figure.
    expect(Number(await get(child.target, '/most'))).toBeLessThanOrEqual(2)
  })

  test('sends its own user agent and the given headers, and closes the connection', async () => {
    const { child } = await startedServer()
    const heard = next(child, 'output')
    const checked = responseTime({
      path: '/headers',
      headers: { 'X-Backend-Host': 'a.example', host: 'b.example' },
    })
    await run(checked, child)
    expect(JSON.parse(String((await heard)[1]))).toEqual({
      'user-agent': 'spinner (responseTime)',
      'x-backend-host': 'a.example',
      host: 'b.example',
      connection: 'close',
    })
  })

  test('ends when its signal is aborted', async () => {
    const { child } = await startedServer()
    const ending = new AbortController()
    const asking = failureOf(
      Promise.resolve(responseTime({ path: '/hangs', threshold: 3_000 }).run(child, ending.signal)),
    )
    await until(async () => (await get(child.target, '/most')) === '2')
    ending.abort()
    expect(await asking).not.toBeNull()
  })

  test('has no result for a child without an address, and reports it once', async () => {
    let runs = 0
    const counting = check('counting', async () => void runs++, { interval: 0.01 })
    const checks = [responseTime({ interval: 0.01 }), counting]
    const child = newSpinner().start({ name: 'x', command: 'sleep', args: ['600'], listen: null, checks })
    const errors: string[] = []
    child.on('error', (error) => void errors.push(error.message))
    await child
    await until(() => runs > 20 && errors.length > 0)
    expect(errors).toEqual([expect.stringContaining('the child has no address')])
    expect(child.info().checks['responseTime']).toMatchObject({ at: null, failures: 0 })
  })
})

describe('H20 a host that is blocked', () => {
  test('E14 during a request does not restart a child that responds in time', async () => {
    let requests = 0
    const connect: Sys['connect'] = (target) => {
      requests++
      return realSys.connect(target)
    }
    const checks = [responseTime({ path: '/later', threshold: 0.5, interval: 0.01, retries: 1 })]
    const child = newSpinner({}, sysWith({ connect })).start(server('web', { checks }))
    await child
    const states: string[] = []
    child.on('state', (to) => void states.push(to))
    for (let time = 0; time < 4; time++) {
      const before = requests
      await until(() => requests > before)
      for (const end = performance.now() + 800; performance.now() < end; );
    }
    await until(() => child.info().checks['responseTime']?.at)
    expect(states).toEqual([])
    expect(child.info().checks['responseTime']).toMatchObject({ failures: 0, reason: null })
  })
})
