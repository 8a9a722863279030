import http from 'node:http'
import net from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../../support/host.ts'
import { ask, newStage } from '../../support/lives.ts'

/** Milliseconds after which the child closes a connection that nobody uses, without having said so. */
const IDLE_MS = 20
const LANES = 25
const EACH = 40

/** Answers, and closes what is idle in the very moment in which the next request may be on its way. */
function impatient(): net.Server {
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
  `H56: ${LANES * EACH} %ss that meet the child as it closes idle connections all are answered`,
  async (method) => {
    let connections = 0
    const newServer = (): net.Server => impatient().on('connection', () => connections++)
    const { port } = await newStage({ newServer })
    const agent = new http.Agent({ keepAlive: true, maxSockets: LANES })
    const lane = async (): Promise<void> => {
      for (let left = EACH; left > 0; left--) {
        expect(await ask({ port, agent, method })).toMatchObject({ status: 200, body: 'well' })
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS - 5 + Math.random() * 10))
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    // Some were used again and some had been closed, so that the moment was met from both sides; a POST uses none again.
    if (method === 'GET') {
      expect(connections).toBeGreaterThan(LANES)
      expect(connections).toBeLessThan(LANES * EACH)
    } else expect(connections).toBe(LANES * EACH)
    agent.destroy()
  },
)

test('H56: an idle connection is given up before a child gives it up that says when it will', async () => {
  const open = new Set<net.Socket>()
  const { lives, port } = await newStage({
    handler: (_request, response) => {
      // Node's own default says five seconds; a child that says one second gets no request on a used connection.
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
