import type { Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { codeOf, messageOf } from '../../errors.ts'
import type { Clock } from '../../sys.ts'

/**
 * Returns a stream to the same destination as `out` that never blocks the command. Node's own stream waits for a
 * terminal that takes nothing (Ctrl-S, a stalled line), and all supervision would wait with it. Node's stream for
 * reading a terminal can also write, and does not wait.
 */
export function nonBlocking(out: NodeJS.WriteStream & { readonly fd: number }): Writable {
  if (!out.isTTY || process.platform === 'win32') return out
  try {
    return new ReadStream(out.fd, { readable: false, writable: true }).on('error', () => {})
  } catch {
    return out
  }
}

/**
 * Calls `closed` if the terminal is closed, and `unread` if the reader of the pipe has exited. Any other error, such as a
 * full disk, costs lines and no child, so it is only reported, once and to stderr.
 */
export function onWriteError(out: Writable, on: { closed(): void; unread(): void }): void {
  let isReported = false
  out.on('error', (error) => {
    if (process.stdout.isTTY) on.closed()
    else if (codeOf(error) === 'EPIPE') on.unread()
    else if (!isReported) {
      isReported = true
      nonBlocking(process.stderr).write(`cannot write to stdout, lines are lost: ${messageOf(error)}\n`)
    }
  })
}

/**
 * Writes a whole text, however slowly it is read: what a pipe has not taken is lost when the program exits. Resolves too
 * if the reader has exited, because a reader may stop early.
 */
export function writeAll(out: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(text, (error) => {
      if (error && codeOf(error) !== 'EPIPE') reject(error)
      else resolve()
    })
  })
}

/** Resolves when a promise settles, at the latest after `ms` milliseconds. Never rejects. */
export function resolvedWithin(clock: Clock, ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(), ms)
    const done = (): void => {
      clock.clearTimeout(timer)
      resolve()
    }
    promise.then(done, done)
  })
}
