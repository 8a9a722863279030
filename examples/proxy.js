// A host that starts one app for each first segment of a path, at its first request, and forwards requests.
import http from 'node:http'
import { createSpinner } from 'spinner'

const APPS = ['docs', 'shop']
const spinner = createSpinner({ idleTimeSec: 60, maxRestarts: 5, monitor: null })

async function pass(request, response) {
  const [, app, rest] = /^\/(\w+)(\/.*)?$/.exec(request.url) ?? []
  if (!APPS.includes(app)) return response.writeHead(404).end()
  // The lease keeps the app awake for as long as this request takes.
  const lease = await spinner.acquire({ name: app, script: import.meta.filename, args: [app] })
  if (response.closed) return lease.release()
  response.once('close', () => lease.release())
  const { method, headers } = request
  const forward = http.request({ ...lease.target, method, headers, path: rest ?? '/' }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  forward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  request.pipe(forward)
}

function host() {
  const server = http.createServer((request, response) => {
    pass(request, response).catch((error) => response.writeHead(503).end(`${error.message}\n`))
  })
  server.listen(0, '127.0.0.1', async () => {
    for (const path of ['/docs/a', '/shop/b', '/docs/c']) {
      const answer = await fetch(`http://127.0.0.1:${server.address().port}${path}`)
      console.log(`${path}: ${await answer.text()}`)
    }
    server.close()
    server.closeAllConnections()
    await spinner.close()
  })
}

const app = process.argv[2]
if (app)
  http.createServer(({ url }, response) => response.end(`${app} answers ${url}`)).listen(process.env.PORT)
else host()
