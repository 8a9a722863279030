import http from 'node:http'
import net from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../../support/host.ts'
import { ask, newStage } from '../../support/lives.ts'

/** Milliseconds after which the child closes an idle connection, without announcing it. */
const IDLE_MS = 20
const CLIENTS = 25
const REQUESTS_EACH = 40

/** Responds, and closes an idle connection when the next request may be on its way. */
function newImpatientServer(): net.Server {
  return net.createServer((socket) => {
    let bytes = ''
    let timer: NodeJS.Timeout | undefined
    socket.on('error', () => {}).setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      clearTimeout(timer)
      bytes += chunk
      if (!bytes.endsWith('\r\n\r\n')) return
      bytes = ''
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell')
      timer = setTimeout(() => socket.destroy(), IDLE_MS)
    })
    socket.on('close', () => clearTimeout(timer))
  })
}

test.each(['GET', 'POST'])(
  `H56: ${CLIENTS * REQUESTS_EACH} %ss all get a response while the child closes idle connections`,
  async (method) => {
    let connections = 0
    const newServer = (): net.Server => newImpatientServer().on('connection', () => connections++)
    const { port } = await newStage({ newServer })
    const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS })
    const runClient = async (): Promise<void> => {
      for (let left = REQUESTS_EACH; left > 0; left--) {
        expect(await ask({ port, agent, method })).toMatchObject({ status: 200, body: 'well' })
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS - 5 + Math.random() * 10))
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, runClient))
    // Make sure that the gateway reused some connections and found others closed. A POST never reuses a connection.
    if (method === 'GET') {
      expect(connections).toBeGreaterThan(CLIENTS)
      expect(connections).toBeLessThan(CLIENTS * REQUESTS_EACH)
    } else expect(connections).toBe(CLIENTS * REQUESTS_EACH)
    agent.destroy()
  },
)

test('H56: the gateway closes an idle connection before the time that the child announces', async () => {
  const open = new Set<net.Socket>()
  const { lives, port } = await newStage({
    handler: (_request, response) => {
      // Announce one second: then the gateway sends no request on a used connection. Node's default is five seconds.
      response.setHeader('keep-alive', 'timeout=1').end('x')
    },
  })
  await ask({ port })
  lives[0]?.server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  for (let left = 5; left > 0; left--) expect((await ask({ port })).body).toBe('x')
  await until(() => open.size === 0)
})
