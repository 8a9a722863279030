import { renameSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { expect, test } from 'vitest'
import { type ProbeResult, tryConnect } from '../src/probe.ts'
import { realSys } from '../src/sys.ts'
import { newFolder, next } from './support/host.ts'

/** Longer than `tryConnect` waits for a connection. */
const BLOCKED_MS = 300

function blockHost(): void {
  const until = performance.now() + BLOCKED_MS
  while (performance.now() < until);
}

/** Returns a socket file whose listener is gone. */
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

test('H20 a stale socket counts as free, even if the host was blocked during the check', async () => {
  const socketPath = await staleSocket()
  const result = await new Promise<ProbeResult>((resolve) => {
    setImmediate(() => {
      resolve(tryConnect(realSys, { socketPath }))
      blockHost()
    })
  })
  expect(result).toBe('free')
})
