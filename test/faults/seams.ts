import type { ChildProcess } from 'node:child_process'
import type { FSWatcher } from 'node:fs'
import type { Socket } from 'node:net'
import { realSys, type Sys } from '../../src/sys.ts'
import { breakSoon, type Errno, errorOf, type Form, failedProcess, failedSocket } from './forms.ts'

/** A fault: which call of which function fails, and how. */
export interface Injection {
  readonly seam: string
  /** Number of the call, from 1. */
  readonly index: number
  readonly errno: Errno
  readonly form: Form
  /** True if every later call fails too, until the fault is lifted. */
  readonly lasts: boolean
}

type Call = (...args: never[]) => unknown

/** Returns the role of a path. Calls of one function on paths with the same role count as one seam. */
export function roleOf(given: unknown): string {
  const file = String(given)
  if (file.startsWith('/proc')) return file.replace(/\d+/g, 'N')
  if (file.endsWith('.sock')) return 'socket'
  if (/spinner-\w*$|\/named$/.test(file)) return 'folder'
  return file.includes('watched') ? 'watched file' : 'file or folder'
}

/**
 * The real system, in which one call fails. Counts the calls of each function and records what they opened, so that the
 * test can find what was left open.
 */
export class FaultySys {
  readonly sys: Sys
  readonly calls = new Map<string, number>()
  readonly pids = new Set<number>()
  /** The pids of all processes except watchdogs, in the order of their spawns. */
  readonly children: number[] = []
  readonly folders = new Set<string>()
  readonly descriptors = new Set<number>()
  readonly watchers = new Set<FSWatcher>()
  readonly sockets = new Set<Socket>()
  holds = 0
  hits = 0
  #injection: Injection | null
  #counts = true

  constructor(injection: Injection | null, changes: Partial<Sys>) {
    this.#injection = injection
    const fs = new Proxy(realSys.fs, {
      get: (real, key: keyof Sys['fs']) =>
        typeof real[key] === 'function' ? this.#wrap(key, real[key] as Call) : real[key],
    })
    this.sys = {
      ...realSys,
      ...changes,
      fs,
      spawn: (...args) => this.#spawn(...args),
      kill: (pid, signal) => {
        this.#failing(`kill ${signal}`)
        realSys.kill(pid, signal)
      },
      connect: (target) => this.#connect(target),
      hold: () => this.#hold(),
    }
  }

  /** Lifts the fault and stops counting. */
  lift(): void {
    this.#injection = null
    this.#counts = false
  }

  /** Counts the call. Throws the error if the form is `throws`, else returns it; `null` if this call does not fail. */
  #failing(seam: string): NodeJS.ErrnoException | null {
    if (!this.#counts) return null
    const index = (this.calls.get(seam) ?? 0) + 1
    this.calls.set(seam, index)
    const injection = this.#injection
    if (injection?.seam !== seam) return null
    if (injection.lasts ? index < injection.index : index !== injection.index) return null
    this.hits++
    const error = errorOf(injection.errno, `${seam} #${index}`)
    if (injection.form === 'throws') throw error
    return error
  }

  #wrap(name: string, real: Call): Call {
    const call = (...args: unknown[]): unknown => {
      const role = name === 'read' ? 'table' : name === 'closeSync' ? 'descriptor' : roleOf(args[0])
      const seam = `fs.${name} ${role}`
      if (name === 'closeSync') this.#close(args[0] as number)
      const error = name === 'lstatSync' ? this.#looking(seam, args[1]) : this.#failing(seam)
      if (name === 'closeSync') return undefined
      if (name === 'lstatSync' && error) return undefined
      if (name === 'existsSync' && error) return false
      if (name === 'read' && error) return void setImmediate(args.at(-1) as Call, error as never)
      const value = real(...(args as never[]))
      if (name === 'watch') return this.#watched(value as FSWatcher, error)
      if (name === 'mkdtempSync') this.folders.add(value as string)
      if (name === 'openSync') this.descriptors.add(value as number)
      return value
    }
    return call as Call
  }

  /** Closes the descriptor first, because close(2) frees it even if the call fails. */
  #close(descriptor: number): void {
    realSys.fs.closeSync(descriptor)
    this.descriptors.delete(descriptor)
  }

  /** Returns ENOENT instead of throwing it if the caller has set `throwIfNoEntry: false`. */
  #looking(seam: string, options: unknown): NodeJS.ErrnoException | null {
    try {
      return this.#failing(seam)
    } catch (thrown) {
      const isQuiet = (options as { throwIfNoEntry?: boolean } | undefined)?.throwIfNoEntry === false
      if (isQuiet && (thrown as NodeJS.ErrnoException).code === 'ENOENT') return thrown as Error
      throw thrown
    }
  }

  #watched(watcher: FSWatcher, error: NodeJS.ErrnoException | null): FSWatcher {
    this.watchers.add(watcher)
    watcher.once('close', () => this.watchers.delete(watcher))
    return error ? breakSoon(watcher, error) : watcher
  }

  #spawn(...args: Parameters<Sys['spawn']>): ChildProcess {
    const isWatchdog = args[0] === '/bin/sh'
    const error = this.#failing(`spawn ${isWatchdog ? 'watchdog' : 'child'}`)
    if (error) return failedProcess(error, args)
    const process = realSys.spawn(...args)
    if (process.pid !== undefined) this.pids.add(process.pid)
    if (process.pid !== undefined && !isWatchdog) this.children.push(process.pid)
    if (isWatchdog && process.stdin) this.#breakable(process, process.stdin)
    return process
  }

  /** Makes writes to a watchdog fail as they do if it has exited: Node destroys the pipe and emits an `error` event. */
  #breakable({ pid }: ChildProcess, stdin: NonNullable<ChildProcess['stdin']>): void {
    const write = stdin.write.bind(stdin)
    stdin.write = ((line: string) => {
      const error = this.#failing('watchdog write')
      if (!error) return write(line)
      realSys.kill(pid as number, 'SIGKILL')
      stdin.destroy(error)
      return false
    }) as typeof stdin.write
  }

  #connect(target: Parameters<Sys['connect']>[0]): Socket {
    const error = this.#failing(`connect ${'socketPath' in target ? 'socket' : 'port'}`)
    const socket = error ? failedSocket(error) : realSys.connect(target)
    this.sockets.add(socket)
    socket.once('close', () => this.sockets.delete(socket))
    return socket
  }

  #hold(): () => void {
    this.holds++
    const letGo = realSys.hold()
    let held = true
    return () => {
      if (held) this.holds--
      held = false
      letGo()
    }
  }
}
