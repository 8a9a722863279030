// Allocates addresses for peers that do not, and detects from outside whether a process listens or lives.
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { newFolder } from './living.mjs'

const LONGEST_WAIT_MS = 10_000

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Returns the two transports, each with a function that creates addresses: socket paths, or port numbers. */
export function transports() {
  const folder = newFolder()
  let count = 0
  return [
    { transport: 'unix', listen: 'socket', newAddress: () => path.join(folder, `${count++}.sock`) },
    { transport: 'tcp', listen: 'port', newAddress: freePort },
  ]
}

const connect = (address) =>
  typeof address === 'string' ? net.connect(address) : net.connect(address, '127.0.0.1')

export function accepts(address) {
  return new Promise((resolve) => {
    const socket = connect(address)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

/** Tries to connect every millisecond. Resolves when a connection is accepted; rejects after 10 s without one. */
export async function whenAccepting(address) {
  const deadline = performance.now() + LONGEST_WAIT_MS
  while (!(await accepts(address))) {
    if (performance.now() > deadline) throw new Error(`no process listens on ${address}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/**
 * Resolves when the process no longer serves. A zombie no longer serves if it has a single thread; if it has more, the other
 * threads may still hold the sockets.
 */
export async function whenGone(pid) {
  while (serves(pid)) await new Promise((resolve) => setImmediate(resolve))
}

function serves(pid) {
  try {
    const hasEnded = /^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    return !hasEnded || readdirSync(`/proc/${pid}/task`).length > 1
  } catch {
    return false
  }
}
