import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ask, newStage } from '../support/lives.ts'

/** A server of the host's own; gives its port. */
async function serverOf(listener: http.RequestListener): Promise<number> {
  const server = http.createServer(listener)
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

test('H51: a response that cannot be written is cut off, and the host lives', async () => {
  const { gateway } = await newStage()
  const port = await serverOf((request, response) => {
    // As a library that rewrites headers does when it has a fault.
    response.writeHead = () => {
      throw new Error('broken')
    }
    gateway.handler(request, response)
  })
  for (const path of ['/', '/..'])
    await expect(ask({ port, path })).rejects.toMatchObject({ code: 'ECONNRESET' })
})
