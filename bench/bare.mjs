// The limit: a plain `spawn` whose child writes one byte to fd 3 in its listening callback. It checks nothing,
// restarts nothing and remembers nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import net from 'node:net'

const living = new Set()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export function bareSpawn({ command, args }, port, tells) {
  const stdio = ['ignore', 'pipe', 'pipe', ...(tells ? ['pipe'] : [])]
  const env = { ...process.env, PORT: String(port), ...(tells ? { BENCH_FD3: '1' } : {}) }
  const child = spawn(command, args, { stdio, env })
  living.add(child)
  child.once('exit', () => living.delete(child))
  child.stdout.resume()
  child.stderr.resume()
  return child
}

/** Resolves when the byte is there. */
export function whenTold(child) {
  const pipe = child.stdio[3]
  return new Promise((resolve, reject) => {
    pipe.once('data', () => {
      pipe.destroy()
      resolve()
    })
    child.once('exit', (code, signal) =>
      reject(new Error(`it ended with ${code ?? signal} before it was ready`)),
    )
  })
}

/** Resolves when a connection is accepted, tried every millisecond. */
export async function whenAccepting(child, port) {
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode} before it was ready`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = typeof port === 'string' ? net.connect(port) : net.connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

export const clear = (port) => {
  if (typeof port === 'string') rmSync(port, { force: true })
}

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}
