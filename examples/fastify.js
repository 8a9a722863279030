// A gateway inside a Fastify app: the app answers some paths itself; children that start on demand answer the others.
import http from 'node:http'
import path from 'node:path'
import Fastify from 'fastify'
import { createSpinner } from 'spinner'
import { createGateway } from 'spinner/gateway'

const spinner = createSpinner({ idleTimeSec: 60, logger: null })
const script = path.join(import.meta.dirname, 'apps/hello.cjs')
const gateway = createGateway(spinner, {
  routes: [{ path: '/docs', strip: true, to: { name: 'docs', script } }],
})

const app = Fastify()
app.get('/', () => 'the app itself')
app.register(async (children) => {
  // Keep Fastify from reading bodies, because the gateway streams them to the child.
  children.removeAllContentTypeParsers()
  children.addContentTypeParser('*', (_request, _body, done) => done(null))
  children.all('/*', (request, reply) => {
    reply.hijack()
    gateway.handler(request.raw, reply.raw)
  })
})
app.server.on('upgrade', gateway.upgrade)

await app.listen({ port: 0, host: '127.0.0.1' })
const { port } = app.server.address()
for (const [method, place] of [
  ['GET', '/'],
  ['GET', '/docs/a'],
  ['POST', '/docs/b'],
  ['GET', '/nowhere'],
]) {
  const { status, body } = await ask(method, place)
  console.log(method, place, status, body.split('\n')[0])
}
console.log('started:', Object.keys(spinner.list()).join())

await app.close()
await spinner.close()

function ask(method, place) {
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', 'content-type': 'application/json' }
    const options = { host: '127.0.0.1', port, method, path: place, headers, agent: false }
    const request = http.request(options, async (response) => {
      const chunks = await response.toArray()
      resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() })
    })
    request.on('error', reject).end(method === 'POST' ? '{}' : undefined)
  })
}
