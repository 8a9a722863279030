import { type ReadyKind, readinessKind } from '../options/readiness.ts'
import type { Address } from '../types/child.ts'
import type { Ready } from '../types/options.ts'
import type { Candidate } from './candidate.ts'
import { type Decide, whenDecided } from './function.ts'
import { whenHttp } from './http.ts'
import { type Endpoint, whenListening, whenReachable } from './listen.ts'
import { whenMessage, whenOutput } from './signals.ts'

/** Wait function of one kind of readiness, and the facts in which the kind differs from the others. */
interface Readiness<Option = Ready> {
  /** Resolves when the process is ready, with its endpoint, or null if the child has no address. */
  wait(candidate: Candidate, option: Option, signal: AbortSignal): Promise<Endpoint | null>
  /** A process that has bound its address has finished booting, so the next start may begin. */
  readonly leavesGateWhenBound: boolean
  /** A process that exits right after its spawn was ready before that. */
  readonly isReadyAtSpawn: boolean
  /** Completes the message "exited with code 1 before …". */
  condition(address: Address | null): string
}

interface OptionOf {
  listen: 'listen'
  spawn: 'spawn'
  message: 'message'
  http: { readonly http: string }
  output: { readonly output: RegExp }
  function: Decide
}

const COMMON = {
  leavesGateWhenBound: false,
  isReadyAtSpawn: false,
  condition: () => 'it was ready',
}

const KINDS: { readonly [Kind in ReadyKind]: Readiness<OptionOf[Kind]> } = {
  listen: {
    ...COMMON,
    leavesGateWhenBound: true,
    condition: (address) => `it listened on ${address}`,
    wait: (candidate, _option, signal) => whenListening(candidate, signal),
  },
  spawn: {
    ...COMMON,
    isReadyAtSpawn: true,
    wait: (candidate, _option, signal) => whenReachable(candidate, signal),
  },
  message: {
    ...COMMON,
    async wait(candidate, _option, signal) {
      await whenMessage((listener) => candidate.process.onMessage(listener), signal)
      return whenReachable(candidate, signal)
    },
  },
  http: {
    ...COMMON,
    async wait(candidate, { http }, signal) {
      const endpoint = await whenListening(candidate, signal)
      if (endpoint) await whenHttp(candidate.sys, endpoint.target, http, signal)
      return endpoint
    },
  },
  output: {
    ...COMMON,
    async wait(candidate, { output }, signal) {
      await whenOutput(output, candidate.onLine, signal)
      return whenReachable(candidate, signal)
    },
  },
  function: {
    ...COMMON,
    async wait(candidate, decide, signal) {
      await whenDecided(candidate, decide, signal)
      return whenReachable(candidate, signal)
    },
  },
}

/** Returns the entry of the table for a valid `ready` option. */
export const readinessOf = (ready: Ready): Readiness => KINDS[readinessKind(ready)]

/** Resolves when the process is ready, with its endpoint, or null if the child has no address. */
export async function whenReady(candidate: Candidate, signal: AbortSignal): Promise<Endpoint | null> {
  const { ready } = candidate.settings
  return readinessOf(ready).wait(candidate, ready, signal)
}
