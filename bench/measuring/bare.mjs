// The limit: a plain `spawn` whose child writes one byte to fd 3 in its listening callback. The limit checks nothing,
// restarts nothing and remembers nothing.
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { whenAccepting } from './addresses.mjs'
import { kept } from './living.mjs'

export function bareSpawn({ command, args }, port, tells) {
  const stdio = ['ignore', 'pipe', 'pipe', ...(tells ? ['pipe'] : [])]
  const env = { ...process.env, PORT: String(port), ...(tells ? { BENCH_FD3: '1' } : {}) }
  const child = kept(spawn(command, args, { stdio, env }))
  child.stdout.resume()
  child.stderr.resume()
  return child
}

/** Resolves when the byte has arrived. */
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

/** Resolves when the child listens, as shown by the byte or by a connection. */
export const whenReady = (child, port, tells) => (tells ? whenTold(child) : whenAccepting(port))

export const clear = (port) => {
  if (typeof port === 'string') rmSync(port, { force: true })
}
