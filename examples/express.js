// A gateway inside an Express app: the app answers some paths itself; children that start on demand answer the others.
import http from 'node:http'
import path from 'node:path'
import express from 'express'
import { createSpinner } from 'spinner'
import { createGateway } from 'spinner/gateway'

const spinner = createSpinner({ idleTimeSec: 60, logger: null })
const script = path.join(import.meta.dirname, 'apps/hello.cjs')
const gateway = createGateway(spinner, {
  routes: [{ path: '/docs', strip: true, to: { name: 'docs', script } }],
})

const app = express()
app.get('/', (_request, response) => response.send('the app itself'))
// Mount the gateway before middleware that reads bodies. If no route matches, the next handler gets the request.
app.use(gateway.handler)
app.use(express.json())

const server = app.listen(0, '127.0.0.1')
server.on('upgrade', gateway.upgrade)
await new Promise((resolve) => server.once('listening', resolve))

const { port } = server.address()
for (const place of ['/', '/docs/a', '/docs/b', '/nowhere']) {
  const { status, body } = await get(place)
  console.log(place, status, body.split('\n')[0])
}
console.log('started:', Object.keys(spinner.list()).join())

server.close()
await spinner.close()

function get(place) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: place, headers: { host: 'localhost' }, agent: false }
    http
      .get(options, async (response) => {
        const chunks = await response.toArray()
        resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() })
      })
      .on('error', reject)
  })
}
