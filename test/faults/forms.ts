import type { ChildProcess } from 'node:child_process'
import type { FSWatcher } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import { realSys, type Sys } from '../../src/sys.ts'

export const ERRNOS = ['ENOENT', 'EACCES', 'EMFILE', 'ENOMEM', 'EPERM', 'EIO'] as const
export type Errno = (typeof ERRNOS)[number]

/** `throws`: the call throws. `emits`: it fails later, by an `error` event or a callback. `denies`: it returns false. */
export type Form = 'throws' | 'emits' | 'denies'

const TWO_FORMS = /^(spawn |connect |fs\.watch )/
const LATER = /^(fs\.read |watchdog )/
const DENIES = /^fs\.existsSync /

/** Returns the forms in which a call can fail. */
export function formsOf(seam: string): readonly Form[] {
  if (DENIES.test(seam)) return ['denies']
  if (LATER.test(seam)) return ['emits']
  return TWO_FORMS.test(seam) ? ['throws', 'emits'] : ['throws']
}

/** Returns an error like that of Node. Its message shows that it was injected. */
export function errorOf(errno: Errno, call: string): NodeJS.ErrnoException {
  const error = new Error(`${errno}: injected, ${call}`)
  return Object.assign(error, { code: errno, errno: -os.constants.errno[errno], syscall: call })
}

/** Returns a failed spawn in Node's second form: a process without a pid, and the error in the next turn. */
export function failedProcess(error: NodeJS.ErrnoException, args: Parameters<Sys['spawn']>): ChildProcess {
  const [, list, options] = args
  const failed = realSys.spawn('/nowhere/at-all', list, { ...options, cwd: '/' })
  const emit = failed.emit.bind(failed)
  failed.emit = ((event: string, ...rest: unknown[]) =>
    emit(event, ...(event === 'error' ? [error] : rest))) as typeof failed.emit
  // If no descriptors are left, Node creates no streams either.
  if (error.code === 'EMFILE') for (const name of ['stdin', 'stdout', 'stderr'] as const) drop(failed, name)
  return failed
}

function drop(failed: ChildProcess, name: 'stdin' | 'stdout' | 'stderr'): void {
  failed[name]?.on('error', () => {}).destroy()
  Object.defineProperty(failed, name, { value: undefined })
}

/** Returns a connection that fails. */
export function failedSocket(error: NodeJS.ErrnoException): net.Socket {
  const socket = new net.Socket()
  process.nextTick(() => socket.destroy(error))
  return socket
}

/** Makes a watcher fail as Node does: Node closes it and then emits the error. */
export function breakSoon(watcher: FSWatcher, error: NodeJS.ErrnoException): FSWatcher {
  setImmediate(() => {
    watcher.close()
    watcher.emit('error', error)
  })
  return watcher
}
