import type { Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { codeOf, messageOf } from '../../errors.ts'
import type { Clock } from '../../sys.ts'

/**
 * A stream to where `out` leads that never makes the command wait. Node waits for a terminal that takes nothing, because
 * of Ctrl-S or a line that stalls, and all supervision would wait with it. Its stream for reading a terminal can write as
 * well, and does not wait.
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
 * Tells what it means that something could not be printed: a terminal is closed, or the reader of a pipe is gone. All
 * else, such as a full disk, costs lines and no child. It is told of once where people may see it.
 */
export function whenUnwritten(out: Writable, on: { closed(): void; unread(): void }): void {
  let isTold = false
  out.on('error', (error) => {
    if (process.stdout.isTTY) on.closed()
    else if (codeOf(error) === 'EPIPE') on.unread()
    else if (!isTold) {
      isTold = true
      nonBlocking(process.stderr).write(
        `lines are lost, since stdout cannot be written: ${messageOf(error)}\n`,
      )
    }
  })
}

/**
 * Writes all of a text, however slowly it is read: what a pipe has not taken is lost when the program ends. Who stops
 * reading has seen enough, so that is no failure.
 */
export function writeAll(out: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(text, (error) => {
      if (error && codeOf(error) !== 'EPIPE') reject(error)
      else resolve()
    })
  })
}

/** Resolves with a promise, or when the time is up. */
export function within(clock: Clock, ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(), ms)
    const done = (): void => {
      clock.clearTimeout(timer)
      resolve()
    }
    promise.then(done, done)
  })
}
