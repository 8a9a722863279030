import { renameSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { expect, test } from 'vitest'
import { type Answer, tryConnect } from '../src/probe.ts'
import { realSys } from '../src/sys.ts'
import { newFolder, next } from './support/host.ts'

/** Longer than `knock` waits for an answer. */
const HELD_UP_MS = 300

function holdUp(): void {
  const until = performance.now() + HELD_UP_MS
  while (performance.now() < until);
}

/** A socket that whoever listened on it has left behind. */
async function staleSocket(): Promise<string> {
  const folder = newFolder()
  const draft = path.join(folder, 'draft.sock')
  const socketPath = path.join(folder, 'stale.sock')
  const server = net.createServer().listen(draft)
  await next(server, 'listening')
  renameSync(draft, socketPath)
  await new Promise((resolve) => server.close(resolve))
  return socketPath
}

test('H20 a stale socket is one where nobody is, even to a host that was held up', async () => {
  const socketPath = await staleSocket()
  const answer = await new Promise<Answer>((resolve) => {
    setImmediate(() => {
      resolve(tryConnect(realSys, { socketPath }))
      holdUp()
    })
  })
  expect(answer).toBe('nobody')
})
