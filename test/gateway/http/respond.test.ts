import { describe, expect, test } from 'vitest'
import { until } from '../../support/host.ts'
import { connectRaw, newStage, type Raw, type Stage, turns } from '../../support/lives.ts'

/** A gateway, and a client that has sent half the body of a request that is refused, and received the response. */
async function refusedInBody(): Promise<Stage & { readonly client: Raw; readonly timersBefore: number }> {
  const stage = await newStage()
  const timersBefore = stage.clock.waiting
  const client = connectRaw(stage.port)
  client.socket.write('POST //x HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 10\r\n\r\nhello')
  await until(() => client.text().includes('400 Bad Request: '), 'a response')
  expect(stage.clock.waiting).toBe(timersBefore + 1)
  return { ...stage, client, timersBefore }
}

describe('a refused request whose body is still arriving', () => {
  test('gets its response at once, and its connection closes one second later', async () => {
    const { client, clock } = await refusedInBody()
    await clock.advance(0.9)
    await turns(50)
    expect(client.socket.destroyed).toBe(false)
    await clock.advance(0.2)
    await client.closed
    expect(client.text()).toMatch(/^HTTP\/1\.1 400 [\s\S]*\r\nconnection: close\r\n/)
  })

  test('closes its connection as soon as the body is complete', async () => {
    const { client, clock, timersBefore } = await refusedInBody()
    client.socket.write('world')
    await client.closed
    expect(clock.waiting).toBe(timersBefore)
  })

  test('leaves no timer behind if the client disconnects', async () => {
    const { client, clock, timersBefore } = await refusedInBody()
    client.socket.destroy()
    await until(() => clock.waiting === timersBefore)
  })
})
