import pidusage from 'pidusage'
import { messageOf } from '../errors.ts'
import { MemorySurvey, type Sample, type Subject } from '../linux/memory-survey.ts'
import { seesProcesses } from '../linux/processes.ts'
import { type Deferred, deferred, withTimeout } from '../promises.ts'
import type { Sys } from '../sys.ts'
import type { CheckContext } from './access.ts'
import { Inconclusive } from './verdict.ts'

/**
 * Maximum delay of a sample, so that several are taken in one walk over /proc. Checks that were sampled together have
 * the same next time, and so stay together.
 */
const MAX_DELAY_MS = 500
/** Maximum delay as a share of the interval, for checks with a short interval. */
const MAX_DELAY_SHARE = 0.1
/** Time limit for systems on which a program must be run to sample. */
const TIMEOUT_S = 30

interface SampleRequest extends Subject {
  readonly answer: Deferred<Sample | null>
}

/** Samples the memory of children in as few walks over all processes as possible. */
class Sampler {
  readonly #sys: Sys
  readonly #survey: MemorySurvey
  readonly #waiting = new Set<SampleRequest>()
  #dueAt = Number.POSITIVE_INFINITY
  #timer: unknown
  #walk: Promise<void> = Promise.resolve()

  constructor(sys: Sys) {
    this.#sys = sys
    this.#survey = new MemorySurvey(sys)
  }

  /** Resolves with null if the first process of the child has exited. Rejects with `Inconclusive` if sampling failed. */
  sample(subject: Subject, interval: number, signal: AbortSignal): Promise<Sample | null> {
    const request = { ...subject, answer: deferred<Sample | null>() }
    const onAbort = (): void => this.#cancel(request, signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.add(request)
    this.#schedule(this.#sys.clock.now() + Math.min(MAX_DELAY_MS, interval * 1_000 * MAX_DELAY_SHARE))
    return request.answer.promise
  }

  #schedule(dueAt: number): void {
    if (dueAt >= this.#dueAt) return
    const { clock } = this.#sys
    clock.clearTimeout(this.#timer)
    this.#dueAt = dueAt
    this.#timer = clock.setTimeout(() => this.#startWalk(), dueAt - clock.now())
  }

  #cancel(request: SampleRequest, reason: unknown): void {
    request.answer.reject(reason)
    if (!this.#waiting.delete(request) || this.#waiting.size > 0) return
    this.#sys.clock.clearTimeout(this.#timer)
    this.#dueAt = Number.POSITIVE_INFINITY
  }

  /** Waits for the current walk. Requests that arrive during a walk are served by the next one. */
  #startWalk(): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#walk = this.#walk.then(() => this.#serve([...this.#waiting]))
  }

  async #serve(requests: readonly SampleRequest[]): Promise<void> {
    for (const request of requests) this.#waiting.delete(request)
    if (requests.length === 0) return
    try {
      const samples = await this.#sampleAll(requests)
      for (const [index, { answer }] of requests.entries()) answer.resolve(samples[index] ?? null)
    } catch (thrown) {
      const failure = new Inconclusive(`its processes cannot be read (${messageOf(thrown)})`)
      for (const { answer } of requests) answer.reject(failure)
    }
  }

  #sampleAll(subjects: readonly Subject[]): Promise<(Sample | null)[]> {
    if (seesProcesses(this.#sys)) return this.#survey.take(subjects)
    if (this.#sys.platform === 'linux') throw new Error('/proc does not show them')
    return this.#sampleFirstProcesses(subjects)
  }

  /** Samples only the first process of each child, because systems without /proc offer no more. */
  async #sampleFirstProcesses(subjects: readonly Subject[]): Promise<(Sample | null)[]> {
    const pids = subjects.map(({ leader }) => leader.pid)
    const never = new AbortController().signal
    const usages = await withTimeout(this.#sys.clock, TIMEOUT_S, never, () => usageOf(pids))
    return pids.map((pid) => {
      const usage = usages[pid]
      if (!usage) return null
      const { cpu, memory } = usage
      return { memory, cpu, parts: [{ pid, memory }] }
    })
  }
}

const samplers = new WeakMap<CheckContext, Sampler>()

/** Returns the sampler of a spinner; creates it at the first call. */
export function samplerOf(context: CheckContext): Sampler {
  const known = samplers.get(context)
  if (known) return known
  const sampler = new Sampler(context.sys)
  samplers.set(context, sampler)
  return sampler
}

/** Longer than any likely interval, because pidusage forgets older samples. With 0 it would loop forever. */
const MAX_AGE_MS = 600_000

/** Returns the memory in bytes and the CPU use in percent of one core, by pid; null for a process that does not exist. */
async function usageOf(
  pids: readonly number[],
): Promise<Record<string, { memory: number; cpu: number } | null>> {
  // Copy the array, because pidusage changes it; and do not pass an empty one, which pidusage rejects.
  return pids.length === 0 ? {} : await pidusage([...pids], { maxage: MAX_AGE_MS })
}
