import pidusage from 'pidusage'
import { messageOf } from '../errors.ts'
import { MemorySurvey, type Sample, type Subject } from '../linux/memory-survey.ts'
import { seesProcesses } from '../linux/processes.ts'
import { type Deferred, deferred, withTimeout } from '../promises.ts'
import type { Sys } from '../sys.ts'
import type { CheckContext } from './access.ts'
import { Inconclusive } from './verdict.ts'

/** Who is due waits so long for others: those who were sampled together once are due together from then on. */
const LONGEST_WAIT_MS = 500
const INTERVAL_SHARE = 0.1
/** For the systems where a program must be run to look. */
const LIMIT_S = 30

interface Request extends Subject {
  readonly answer: Deferred<Sample | null>
}

/** Samples the memory of children, in as few walks over all processes as there can be. */
export class Sampler {
  readonly #sys: Sys
  readonly #survey: MemorySurvey
  readonly #waiting = new Set<Request>()
  #due = Number.POSITIVE_INFINITY
  #timer: unknown
  #walk: Promise<void> = Promise.resolve()

  constructor(sys: Sys) {
    this.#sys = sys
    this.#survey = new MemorySurvey(sys)
  }

  /** Null when its first process has ended. Rejects with `Untold` when it could not be looked at. */
  take(subject: Subject, interval: number, signal: AbortSignal): Promise<Sample | null> {
    const request = { ...subject, answer: deferred<Sample | null>() }
    const onAbort = (): void => this.#leave(request, signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.add(request)
    this.#arm(this.#sys.clock.now() + Math.min(LONGEST_WAIT_MS, interval * 1_000 * INTERVAL_SHARE))
    return request.answer.promise
  }

  #arm(due: number): void {
    if (due >= this.#due) return
    const { clock } = this.#sys
    clock.clearTimeout(this.#timer)
    this.#due = due
    this.#timer = clock.setTimeout(() => this.#go(), due - clock.now())
  }

  #leave(request: Request, reason: unknown): void {
    request.answer.reject(reason)
    if (!this.#waiting.delete(request) || this.#waiting.size > 0) return
    this.#sys.clock.clearTimeout(this.#timer)
    this.#due = Number.POSITIVE_INFINITY
  }

  /** Those who came while a walk was under way get the next one. */
  #go(): void {
    this.#due = Number.POSITIVE_INFINITY
    this.#walk = this.#walk.then(() => this.#serve([...this.#waiting]))
  }

  async #serve(requests: readonly Request[]): Promise<void> {
    for (const request of requests) this.#waiting.delete(request)
    if (requests.length === 0) return
    try {
      const samples = await this.#look(requests)
      for (const [index, { answer }] of requests.entries()) answer.resolve(samples[index] ?? null)
    } catch (thrown) {
      const untold = new Inconclusive(`its processes cannot be seen (${messageOf(thrown)})`)
      for (const { answer } of requests) answer.reject(untold)
    }
  }

  #look(subjects: readonly Subject[]): Promise<(Sample | null)[]> {
    if (seesProcesses(this.#sys)) return this.#survey.take(subjects)
    if (this.#sys.platform === 'linux') throw new Error('/proc does not show them')
    return this.#lookElsewhere(subjects)
  }

  /** The first process of each, which is all that there is to be had. */
  async #lookElsewhere(subjects: readonly Subject[]): Promise<(Sample | null)[]> {
    const pids = subjects.map(({ leader }) => leader.pid)
    const never = new AbortController().signal
    const usages = await withTimeout(this.#sys.clock, LIMIT_S, never, () => usageOf(pids))
    return pids.map((pid) => {
      const usage = usages[pid]
      if (!usage) return null
      const { cpu, memory } = usage
      return { memory, cpu, parts: [{ pid, memory }] }
    })
  }
}

const samplers = new WeakMap<CheckContext, Sampler>()

/** The one sampler of a spinner. */
export function samplerOf(context: CheckContext): Sampler {
  const known = samplers.get(context)
  if (known) return known
  const sampler = new Sampler(context.sys)
  samplers.set(context, sampler)
  return sampler
}

/** Longer than any interval is likely to be; 0 would make it loop for ever. */
const REMEMBERED_MS = 600_000

/** Memory in bytes and percent of one core, by pid; null for those that are not there. For systems without `/proc`. */
export async function usageOf(
  pids: readonly number[],
): Promise<Record<string, { memory: number; cpu: number } | null>> {
  // It changes the array that it is given, and refuses an empty one.
  return pids.length === 0 ? {} : await pidusage([...pids], { maxage: REMEMBERED_MS })
}
