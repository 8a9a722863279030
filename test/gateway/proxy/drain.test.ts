import http from 'node:http'
import { describe, expect, test } from 'vitest'
import { type Deferred, deferred } from '../../../src/promises.ts'
import { next, until } from '../../support/host.ts'
import { ask, type Handler, newStage, type Stage, turns } from '../../support/lives.ts'

/** Answers when the test says so, with the number of its life. */
function inHand(): { handler: Handler; answers: Deferred<void>[] } {
  const answers: Deferred<void>[] = []
  const handler: Handler = async (_request, response, life) => {
    const mayAnswer = deferred<void>()
    answers.push(mayAnswer)
    await mayAnswer.promise
    response.end(`life ${life.number}`)
  }
  return { handler, answers }
}

/** A second crash would fault the child. */
const CRASHES_COUNT = { maxRestarts: 1, restartTolerance: 60 }

const ENDS: readonly (readonly [string, (stage: Stage) => Promise<unknown>])[] = [
  ['a restart', ({ spinner }) => spinner.restart('app')],
  ['a stop', ({ spinner }) => spinner.stop('app')],
  ['a close of the spinner', ({ spinner }) => spinner.close()],
]

describe('requests under way', () => {
  test.each(ENDS)('are finished before %s ends their process', async (_what, end) => {
    const { answers, handler } = inHand()
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

  test('wait for no longer than `drainTimeout`', async () => {
    const { answers, handler } = inHand()
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

  test('of one child do not hold up another', async () => {
    const { answers, handler } = inHand()
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

describe('requests that arrive while the child ends', () => {
  test('are for the next process, and none is lost', async () => {
    const { answers, handler } = inHand()
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

  test('bring it back after a stop', async () => {
    const { answers, handler } = inHand()
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

  // A promise is passed on in about so many steps from the start of the child to the request that waits for it.
  test.each(Array.from({ length: 16 }, (_, steps) => steps))(
    'are answered when that is %i steps after its start',
    async (steps) => {
      const opened = deferred<void>()
      const { answers, handler } = inHand()
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

  test('are refused when it is the spinner that closes', async () => {
    const { answers, handler } = inHand()
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

test('a stream of events does not hold up a restart: it ends in order, and its reader comes again', async () => {
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

test('an answer of a known length is never ended before its time, even one that calls itself a stream', async () => {
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

describe('a process that ends unasked', () => {
  test('gets 502 for what it had not answered: one of these may be why it ended, and would end the next', async () => {
    const { answers, handler } = inHand()
    const { lives, port } = await newStage({ handler }, {}, CRASHES_COUNT)
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
    ['after its connections', 20],
  ])('is not asked the same again, be its end seen %s', async (_what, late) => {
    const asked: (string | undefined)[] = []
    const handler: Handler = (request, response, life) => {
      asked.push(request.url)
      if (request.url === '/') return void response.end(`life ${life.number}`)
      if (late > 0) request.socket.destroy()
      life.server.close()
      void turns(late).then(() => life.end())
    }
    const { clock, port, spinner } = await newStage({ handler }, {}, CRASHES_COUNT)
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

  test('is not asked the same again by a request that takes the child as it is', async () => {
    const asked: (string | undefined)[] = []
    const handler: Handler = (request, response, life) => {
      asked.push(request.url)
      if (request.url === '/poll') life.end()
      else response.end(`life ${life.number}`)
    }
    const { port } = await newStage({ handler }, { ignore: ['/poll'] }, CRASHES_COUNT)
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
  ])('H52: gets nothing twice that may do something twice: %s with the body "%s"', async (method, body) => {
    const { answers, handler } = inHand()
    const { lives, port } = await newStage({ handler }, {}, { maxRestarts: 5 })
    const asked = ask({ port, method, body, headers: { 'content-length': body.length } })
    await until(() => answers.length === 1)
    lives[0]?.end()
    expect(await asked).toMatchObject({ status: 502 })
    await until(() => lives.length === 2)
    expect(answers).toHaveLength(1)
  })
})

describe('a GET without an answer', () => {
  test('H56: is asked once more, and no more, of a process that closes connections', async () => {
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

  test('is asked of the next process where its own was ended before it had answered', async () => {
    const { answers, handler } = inHand()
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

describe('the close of a gateway', () => {
  test('lets what is under way finish, takes nothing new, and leaves the children alone', async () => {
    const { answers, handler } = inHand()
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

  test('waits no longer than its `drainTimeout`, and then cuts off', async () => {
    const { handler, answers } = inHand()
    const { clock, gateway, port } = await newStage({ handler }, { drainTimeout: 5 })
    const asked = ask({ port }).catch((error) => error)
    await until(() => answers.length === 1)
    const closed = gateway.close()
    await clock.advance(6)
    await closed
    expect(await asked).toMatchObject({ code: 'ECONNRESET' })
  })

  test('is the close of the spinner too', async () => {
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
