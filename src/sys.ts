import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Target } from './types/child.ts'

export interface Clock {
  /** Milliseconds on a clock that never jumps. */
  now(): number
  /** Wall-clock milliseconds, for display only. */
  date(): number
  setTimeout(action: (...args: unknown[]) => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/**
 * The one seam to the outside. Every clock reading, process, signal, file and connection goes through it, so
 * that a test can hold time still and make any of them fail.
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
  /** A pause between two looks at the outside world: real even when the clock is a test's. */
  pause(ms: number): Promise<void>
  /** The next turn of the event loop. */
  nextTurn(): Promise<void>
  /** Keeps the host alive until the returned function is called. */
  hold(): () => void
}

/** Node fires a timer above this at once (docs/hazards.md#h18). */
export const MAX_DELAY_MS = 2_147_483_647

const realClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  setTimeout: (action, ms) => setTimeout(action, Math.min(Math.max(ms, 0), MAX_DELAY_MS)).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** One timer for all who hold the host, and none while nobody does. */
const holders = new Set<symbol>()
let holding: NodeJS.Timeout | undefined

function hold(): () => void {
  const holder = Symbol('holder')
  holders.add(holder)
  holding ??= setInterval(() => {}, MAX_DELAY_MS)
  return () => {
    holders.delete(holder)
    if (holders.size > 0) return
    clearInterval(holding)
    holding = undefined
  }
}

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
