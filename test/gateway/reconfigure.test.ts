import { expect, test } from 'vitest'
import { deferred } from '../../src/promises.ts'
import { until } from '../support/host.ts'
import { ask, newStage } from '../support/lives.ts'

test('a reconfigured gateway listens where it did, and finishes requests in flight', async () => {
  let answer: (() => void) | null = null
  const stage = await newStage({
    handler: (request, response, life) => {
      if (request.url === '/slow') answer = () => response.end('slow')
      else response.end(`life ${life.number}`)
    },
  })
  const { gateway, port } = stage
  const slow = ask({ port, path: '/slow' })
  await until(() => answer !== null)
  gateway.reconfigure({ routes: [{ host: 'other.localhost', to: stage.child('other') }], logger: null })
  expect((await ask({ port })).status).toBe(404)
  expect((await ask({ port, headers: { host: 'other.localhost' } })).body).toBe('life 2')
  ;(answer as unknown as () => void)()
  expect(await slow).toMatchObject({ status: 200, body: 'slow' })
})

test('requests that wait for a child still count after a reconfiguration', async () => {
  const opened = deferred<void>()
  const stage = await newStage({ opens: () => opened.promise }, { queue: 1 })
  const { gateway, lives, port } = stage
  const waits = ask({ port })
  await until(() => lives.length === 1)
  gateway.reconfigure({
    routes: [{ host: 'app.localhost', to: stage.child('app') }],
    queue: 1,
    logger: null,
  })
  expect((await ask({ port })).status).toBe(503)
  opened.resolve()
  expect((await waits).status).toBe(200)
})

test('invalid options change nothing, and a closed gateway rejects all options', async () => {
  const { gateway, port } = await newStage()
  expect(() => gateway.reconfigure({ routes: 1 } as never)).toThrow('`routes` must be an array of routes')
  expect((await ask({ port })).status).toBe(200)
  await gateway.close()
  expect(() => gateway.reconfigure({ routes: [] })).toThrow('closed')
})

test('only requests that no route matches reach the function that listen() was given', async () => {
  const { gateway } = await newStage()
  const asked: (string | undefined)[] = []
  const { port } = await gateway.listen({}, (request, response) => {
    asked.push(request.url)
    response.writeHead(418).end('mine')
  })
  expect((await ask({ port: port as number })).body).toBe('life 1')
  const headers = { host: 'nobody.localhost' }
  expect(await ask({ port: port as number, path: '/x', headers })).toMatchObject({
    status: 418,
    body: 'mine',
  })
  const posted = { method: 'POST', body: 'b', headers: { ...headers, expect: '100-continue' } }
  expect((await ask({ port: port as number, path: '/y', ...posted })).body).toBe('mine')
  expect((await ask({ port: port as number, method: 'TRACE', headers })).status).toBe(405)
  expect(asked).toEqual(['/x', '/y'])
})
