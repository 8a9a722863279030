import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Target } from './types/child.ts'

/** Time and timers. */
export interface Clock {
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Milliseconds of the system clock, for display only. */
  date(): number
  setTimeout(action: (...args: unknown[]) => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/**
 * Access to the system: every clock reading, process, signal, file and connection goes through it. A test can pass another
 * one, to stop time and to make any call fail.
 */
export interface Sys {
  readonly platform: NodeJS.Platform
  readonly pid: number
  readonly env: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly fs: typeof fs
  random(): number
  cpus(): number
  tmpdir(): string
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess
  kill(pid: number, signal: NodeJS.Signals | 0): void
  connect(target: Target): net.Socket
  /** Waits between two checks of the system. Takes real time even if a test controls the clock. */
  pause(ms: number): Promise<void>
  /** Resolves in the next turn of the event loop. */
  nextTurn(): Promise<void>
  /** Keeps the host alive until the returned function is called. */
  hold(): () => void
}

/** Maximum delay of a timer: Node fires a timer with a longer delay at once (docs/hazards.md#h18). */
export const MAX_DELAY_MS = 2_147_483_647

const realClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  setTimeout: (action, ms) => setTimeout(action, Math.min(Math.max(ms, 0), MAX_DELAY_MS)).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** The callers of `hold` that have not released it. They share one timer. */
const holders = new Set<symbol>()
let timer: NodeJS.Timeout | undefined

function hold(): () => void {
  const holder = Symbol('holder')
  holders.add(holder)
  timer ??= setInterval(() => {}, MAX_DELAY_MS)
  return () => {
    holders.delete(holder)
    if (holders.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** The real system. */
export const realSys: Sys = {
  platform: process.platform,
  pid: process.pid,
  env: process.env,
  clock: realClock,
  fs,
  random: Math.random,
  cpus: () => os.availableParallelism(),
  tmpdir: () => os.tmpdir(),
  spawn,
  kill: (pid, signal) => void process.kill(pid, signal),
  connect: (target) =>
    'socketPath' in target ? net.connect(target.socketPath) : net.connect(target.port, target.host),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
  nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
  hold,
}
