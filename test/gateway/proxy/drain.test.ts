import http from 'node:http'
import { describe, expect, test } from 'vitest'
import { type Deferred, deferred } from '../../../src/promises.ts'
import type { Child } from '../../../src/types/child.ts'
import type { Spinner } from '../../../src/types/spinner.ts'
import { fixture, newSpinner, next, until } from '../../support/host.ts'
import { ask, type Handler, newStage, type Stage, turns } from '../../support/lives.ts'

/** Creates a handler that responds with the number of its process when the test says so. */
function manualHandler(): { handler: Handler; answers: Deferred<void>[] } {
  const answers: Deferred<void>[] = []
  const handler: Handler = async (_request, response, life) => {
    const mayAnswer = deferred<void>()
    answers.push(mayAnswer)
    await mayAnswer.promise
    response.end(`life ${life.number}`)
  }
  return { handler, answers }
}

/** Options with which a second crash faults the child. */
const ONE_CRASH = { maxRestarts: 1, restartTolerance: 60 }

const ENDS: readonly (readonly [string, (stage: Stage) => Promise<unknown>])[] = [
  ['a restart', ({ spinner }) => spinner.restart('app')],
  ['a stop', ({ spinner }) => spinner.stop('app')],
  ['a close of the spinner', ({ spinner }) => spinner.close()],
]

describe('requests in flight', () => {
  test.each(ENDS)('are finished before %s ends their process', async (_what, end) => {
    const { answers, handler } = manualHandler()
    const stage = await newStage({ handler })
    const asked = ask({ port: stage.port })
    await until(() => answers.length === 1)
    const ended = end(stage)
    await until(() => stage.spinner.get('app')?.state !== 'started')
    expect(stage.lives[0]?.isAlive).toBe(true)
    answers[0]?.resolve()
    expect(await asked).toMatchObject({ status: 200, body: 'life 1' })
    await ended
    expect(stage.lives[0]?.isAlive).toBe(false)
  })

  test('are waited for no longer than `drainTimeout`', async () => {
    const { answers, handler } = manualHandler()
    const { clock, lives, port, spinner } = await newStage({ handler }, {}, { drainTimeout: 5 })
    const asked = ask({ port, method: 'POST' })
    await until(() => answers.length === 1)
    const stopped = spinner.stop('app')
    await clock.advance(4)
    expect(lives[0]?.isAlive).toBe(true)
    await clock.advance(2)
    await stopped
    expect(await asked).toMatchObject({ status: 502 })
  })

  test('of one child do not delay another', async () => {
    const { answers, handler } = manualHandler()
    const { port, spinner, child, lives } = await newStage({ handler })
    const asked = ask({ port })
    await until(() => answers.length === 1)
    await spinner.start(child('other'))
    await spinner.stop('other')
    expect(lives[1]?.isAlive).toBe(false)
    answers[0]?.resolve()
    await asked
  })
})

describe('requests that arrive while the child is stopping', () => {
  test('go to the next process, and none is lost', async () => {
    const { answers, handler } = manualHandler()
    const { lives, port, spinner } = await newStage({ handler })
    const first = ask({ port })
    await until(() => answers.length === 1)
    const restarted = spinner.restart('app')
    await until(() => spinner.get('app')?.state === 'restart')
    const second = ask({ port })
    await until(() => spinner.get('app')?.leases === 2)
    expect(answers).toHaveLength(1)
    answers[0]?.resolve()
    expect((await first).body).toBe('life 1')
    await restarted
    await until(() => answers.length === 2)
    answers[1]?.resolve()
    expect((await second).body).toBe('life 2')
    expect(lives).toHaveLength(2)
  })

  test('start the child again after a stop', async () => {
    const { answers, handler } = manualHandler()
    const { port, spinner } = await newStage({ handler })
    const first = ask({ port })
    await until(() => answers.length === 1)
    const stopped = spinner.stop('app')
    await until(() => spinner.get('app')?.state === 'stopping')
    const second = ask({ port })
    await until(() => spinner.get('app')?.leases === 2)
    answers[0]?.resolve()
    await Promise.all([first, stopped])
    await until(() => answers.length === 2)
    answers[1]?.resolve()
    expect((await second).body).toBe('life 2')
  })

  // It takes about this many microtasks from the start of the child until the request that waits for it continues.
  test.each(Array.from({ length: 16 }, (_, steps) => steps))(
    'are answered if the stop comes %i microtasks after the start',
    async (steps) => {
      const opened = deferred<void>()
      const { answers, handler } = manualHandler()
      const { port, spinner } = await newStage({ handler, opens: () => opened.promise })
      const asked = ask({ port, method: 'POST' })
      await until(() => spinner.get('app')?.leases === 1)
      const ended = spinner.child('app')?.then(async () => {
        for (let left = steps; left > 0; left--) await null
        await spinner.stop('app')
      })
      opened.resolve()
      await until(() => answers.length === 1)
      answers[0]?.resolve()
      expect(await asked).toMatchObject({ status: 200 })
      await ended
    },
  )

  test('are rejected if the spinner is closing', async () => {
    const { answers, handler } = manualHandler()
    const { port, spinner } = await newStage({ handler })
    const first = ask({ port })
    await until(() => answers.length === 1)
    const closed = spinner.close()
    expect((await ask({ port })).status).toBe(503)
    answers[0]?.resolve()
    expect((await first).status).toBe(200)
    await closed
  })
})

test('an event stream does not delay a restart: it ends in order, and its reader reconnects', async () => {
  const { clock, lives, port, spinner } = await newStage({
    handler: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    },
  })
  const request = http.get({ host: '127.0.0.1', port, headers: { host: 'app.localhost' }, agent: false })
  const [response] = (await next(request, 'response')) as [http.IncomingMessage]
  expect(spinner.get('app')?.leases).toBe(1)
  const ended = Promise.race([next(response, 'end'), next(response, 'error')])
  await next(response, 'data')
  response.resume()
  await spinner.restart('app')
  await clock.advance(2)
  await ended
  expect(lives).toHaveLength(2)
})

test('a response of a known length is never cut short, even if it is an event stream', async () => {
  const mayEnd = deferred<void>()
  const { clock, lives, port, spinner } = await newStage({
    handler: async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-length': 10 }).write('data:')
      await mayEnd.promise
      response.end('12345')
    },
  })
  const asked = ask({ port })
  await until(() => lives.length === 1)
  await until(() => spinner.get('app')?.leases === 1 && spinner.get('app')?.state === 'started')
  await turns(50)
  const restarted = spinner.restart('app')
  await turns(50)
  await clock.advance(5)
  expect(lives[0]?.isAlive).toBe(true)
  mayEnd.resolve()
  expect((await asked).body).toBe('data:12345')
  await restarted
})

describe('a process that crashes', () => {
  test('leaves 502 for its unanswered requests, because one of them may have caused the crash', async () => {
    const { answers, handler } = manualHandler()
    const { lives, port } = await newStage({ handler }, {}, ONE_CRASH)
    const asked = Promise.all(Array.from({ length: 20 }, () => ask({ port })))
    await until(() => answers.length === 20)
    lives[0]?.end()
    expect(new Set((await asked).map(({ status }) => status))).toEqual(new Set([502]))
    const next = ask({ port })
    await until(() => answers.length === 21)
    answers[20]?.resolve()
    expect((await next).body).toBe('life 2')
  })

  test.each([
    ['at once', 0],
    ['after its connections closed', 20],
  ])('does not get the same request again if its exit is noticed %s', async (_what, late) => {
    const asked: (string | undefined)[] = []
    const handler: Handler = (request, response, life) => {
      asked.push(request.url)
      if (request.url === '/') return void response.end(`life ${life.number}`)
      if (late > 0) request.socket.destroy()
      life.server.close()
      void turns(late).then(() => life.end())
    }
    const { clock, port, spinner } = await newStage({ handler }, {}, ONE_CRASH)
    expect((await ask({ port })).body).toBe('life 1')
    let isAnswered = false
    const crashed = ask({ port, path: '/crash' }).finally(() => {
      isAnswered = true
    })
    while (!isAnswered) await clock.advance(0.05)
    expect(await crashed).toMatchObject({ status: 502 })
    expect((await ask({ port })).body).toBe('life 2')
    expect(asked).toEqual(['/', '/crash', '/'])
    expect(spinner.get('app')).toMatchObject({ state: 'started', crashes: 1 })
  })

  test('does not get the same request again if that request is ignored', async () => {
    const asked: (string | undefined)[] = []
    const handler: Handler = (request, response, life) => {
      asked.push(request.url)
      if (request.url === '/poll') life.end()
      else response.end(`life ${life.number}`)
    }
    const { port } = await newStage({ handler }, { ignore: ['/poll'] }, ONE_CRASH)
    await ask({ port })
    expect(await ask({ port, path: '/poll' })).toMatchObject({ status: 502 })
    expect((await ask({ port })).body).toBe('life 2')
    expect(asked).toEqual(['/', '/poll', '/'])
  })

  test.each([
    ['POST', 'x'],
    ['POST', ''],
    ['PUT', 'x'],
    ['DELETE', ''],
    ['PATCH', 'x'],
    ['GET', 'x'],
  ])('H52: never gets an unsafe request twice: %s with the body "%s"', async (method, body) => {
    const { answers, handler } = manualHandler()
    const { lives, port } = await newStage({ handler }, {}, { maxRestarts: 5 })
    const asked = ask({ port, method, body, headers: { 'content-length': body.length } })
    await until(() => answers.length === 1)
    lives[0]?.end()
    expect(await asked).toMatchObject({ status: 502 })
    await until(() => lives.length === 2)
    expect(answers).toHaveLength(1)
  })
})

describe('a GET without a response', () => {
  test('H56: is sent once more, and no more, to a process that closes connections', async () => {
    let asked = 0
    const { lives, port } = await newStage({
      handler: (request) => {
        asked++
        request.socket.destroy()
      },
    })
    expect(await ask({ port })).toMatchObject({ status: 502 })
    expect(asked).toBe(2)
    expect(lives).toHaveLength(1)
  })

  test('is sent to the next process if its own was ended before it responded', async () => {
    const { answers, handler } = manualHandler()
    const { clock, port, spinner } = await newStage({ handler }, {}, { drainTimeout: 5 })
    const asked = ask({ port })
    await until(() => answers.length === 1)
    const restarted = spinner.restart('app')
    await clock.advance(6)
    await restarted
    await until(() => answers.length === 2)
    answers[1]?.resolve()
    expect(await asked).toMatchObject({ status: 200, body: 'life 2' })
  })
})

describe('closing a gateway', () => {
  test('finishes requests in flight, accepts no new ones, and leaves the children running', async () => {
    const { answers, handler } = manualHandler()
    const { gateway, lives, port, spinner } = await newStage({ handler })
    const agent = new http.Agent({ keepAlive: true })
    const asked = ask({ port, agent })
    await until(() => answers.length === 1)
    const closed = gateway.close()
    await expect(ask({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    answers[0]?.resolve()
    expect((await asked).body).toBe('life 1')
    await closed
    agent.destroy()
    expect(lives[0]?.isAlive).toBe(true)
    expect(spinner.get('app')).toMatchObject({ state: 'started', leases: 0 })
    await expect(gateway.listen()).rejects.toMatchObject({ code: 'ERR_SPINNER_CLOSED' })
  })

  test('waits no longer than its `drainTimeout`, and then aborts requests', async () => {
    const { handler, answers } = manualHandler()
    const { clock, gateway, port } = await newStage({ handler }, { drainTimeout: 5 })
    const asked = ask({ port }).catch((error) => error)
    await until(() => answers.length === 1)
    const closed = gateway.close()
    await clock.advance(6)
    await closed
    expect(await asked).toMatchObject({ code: 'ECONNRESET' })
  })

  test('happens when the spinner closes', async () => {
    const { port, spinner } = await newStage()
    await ask({ port })
    await spinner.close()
    await until(() =>
      ask({ port }).then(
        () => false,
        (error) => error.code === 'ECONNREFUSED',
      ),
    )
  })
})

test.each([
  ['a stop', 'stopping false same', 'stop-first', (spinner: Spinner) => spinner.stop('app')],
  ['a restart', 'restart false same', 'stop-first', (spinner: Spinner) => spinner.restart('app')],
  [
    'the end of a start-first restart',
    'restart true other',
    'start-first',
    (spinner: Spinner) => spinner.restart('app'),
  ],
] as const)(
  'H29: the first drain hook of %s sees the child in its new state at once',
  async (_what, expected, restartOrder, end) => {
    const seen: string[] = []
    const drain = ({ pid, serves, state }: Child): void =>
      void seen.push(`${state} ${serves} ${pid === before ? 'same' : 'other'}`)
    const spinner = newSpinner({ plugins: [{ name: 'observer', drain }], restartOrder })
    const child = spinner.start({ name: 'app', script: fixture('hello.js'), monitor: null })
    await child
    const before = child.pid
    await end(spinner)
    expect(seen).toEqual([expected])
  },
)
