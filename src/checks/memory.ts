import { codeOf, isExhaustion } from '../errors.ts'
import type { Part } from '../linux/memory-survey.ts'
import { boolean, bytes } from '../options/parsers.ts'
import { type OptionSpec, option, readWithDefaults, required } from '../options/read.ts'
import { formatSize } from '../options/units.ts'
import type { Sys } from '../sys.ts'
import type { Figures } from '../types/child.ts'
import type { Duration } from '../types/options.ts'
import type { Check } from '../types/plugin.ts'
import { accessOf } from './access.ts'
import { type PaceOptions, paceOptions, type SettingsOf } from './options.ts'
import { samplerOf } from './sampler.ts'
import { Inconclusive, Unhealthy } from './verdict.ts'

/** Options of {@link memory}. */
export interface MemoryOptions extends PaceOptions {
  /** Maximum memory in bytes, or a string such as `'100MB'`, `'1.5GB'`, `'100_000KB'`. A kilobyte has 1024 bytes. */
  limit: number | string
  /** Number of consecutive samples above `limit` that make the child unhealthy. @default 3 */
  retries?: number
  /** Time from the end of one run to the next. @default 5 */
  interval?: Duration
  /** Counts all processes of the child; `false` counts only the first. @default true */
  tree?: boolean
}

type Settings = SettingsOf<MemoryOptions>

const OPTIONS: Readonly<Record<keyof Settings, OptionSpec>> = {
  limit: required(bytes(1), "a number of bytes >= 1, or a string such as '100MB', '1.5GB'"),
  ...paceOptions(3, 5),
  tree: option(boolean, 'true or false', true),
}

/**
 * Creates a check that measures the memory of all processes of a child. After `retries` consecutive samples above `limit`,
 * spinner restarts the child. If a sample cannot be taken, it does not count. Invalid options throw an
 * `ERR_SPINNER_INVALID_OPTION`.
 *
 * @example
 * import { createSpinner } from 'spinner'
 * import { memory } from 'spinner/checks'
 *
 * const spinner = createSpinner({ checks: [memory({ limit: '100MB' })] })
 * await spinner.close()
 */
export function memory(options: MemoryOptions): Check {
  const { interval, limit, retries, tree } = readWithDefaults<Settings>(options, OPTIONS, {
    caller: 'memory()',
  })
  return {
    name: 'memory',
    interval,
    retries,
    run: async (child, signal) => {
      const { context, process } = accessOf(child)
      if (process === null) return null
      const sample = await samplerOf(context).sample({ leader: process, tree }, interval, signal)
      if (sample === null) {
        if (process.exit !== null) return null
        throw new Inconclusive('its first process was not found')
      }
      // Measure the shared memory, which is expensive, only if the first figure is above the limit.
      const isBelow = sample.memory <= limit
      const used = isBelow ? sample.memory : await sharedMemoryOf(context.sys, sample.parts)
      const figures: Figures = { memory: used, processes: sample.parts.length, cpu: sample.cpu }
      if (used <= limit) return figures
      throw new Unhealthy(aboveLimit(used, sample.parts.length, limit), figures)
    },
  }
}

const aboveLimit = (used: number, processes: number, limit: number): string =>
  `it uses ${formatSize(used)} of memory in ${processes} ${processes === 1 ? 'process' : 'processes'}; the limit is ${formatSize(limit)}`

/** Error codes of a process that has exited since the sample. */
const GONE = new Set(['ENOENT', 'ESRCH'])
const KILOBYTE = 1_024

/**
 * Returns the memory of processes in bytes, with each shared page divided among the processes that share it, because forks
 * of one program share most of their pages. If this figure of a process may not be read, all its memory counts.
 */
async function sharedMemoryOf(sys: Sys, parts: readonly Part[]): Promise<number> {
  let bytes = 0
  for (const part of parts) bytes += await proportionalMemory(sys, part)
  return bytes
}

/** Reads asynchronously, because the kernel visits all pages of the process for it, and some have millions. */
async function proportionalMemory(sys: Sys, { pid, memory }: Part): Promise<number> {
  try {
    const text = await sys.fs.promises.readFile(`/proc/${pid}/smaps_rollup`, 'latin1')
    const kilobytes = /^Pss: +(\d+) kB$/m.exec(text)?.[1]
    return kilobytes === undefined ? memory : Number(kilobytes) * KILOBYTE
  } catch (thrown) {
    const code = codeOf(thrown)
    if (isExhaustion(code)) throw new Inconclusive(`its memory cannot be read (${code})`)
    return GONE.has(code ?? '') ? 0 : memory
  }
}
