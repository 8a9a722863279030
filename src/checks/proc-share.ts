import { codeOf, isExhaustion } from '../errors.ts'
import type { Part } from '../linux/memory-survey.ts'
import type { Sys } from '../sys.ts'
import { Untold } from './verdict.ts'

/** It has ended since. */
const GONE = new Set(['ENOENT', 'ESRCH'])
const KILOBYTE = 1_024

/**
 * What processes hold in memory with each page that several have divided among them: forks of one program share most of
 * theirs. Of a process that may not be looked at so closely all that it holds counts.
 */
export async function shareOf(sys: Sys, parts: readonly Part[]): Promise<number> {
  let bytes = 0
  for (const part of parts) bytes += await readShare(sys, part)
  return bytes
}

/** Off the loop: the kernel walks all pages of a process for it, and some have millions. */
async function readShare(sys: Sys, { pid, memory }: Part): Promise<number> {
  try {
    const text = await sys.fs.promises.readFile(`/proc/${pid}/smaps_rollup`, 'latin1')
    const kilobytes = /^Pss: +(\d+) kB$/m.exec(text)?.[1]
    return kilobytes === undefined ? memory : Number(kilobytes) * KILOBYTE
  } catch (thrown) {
    const code = codeOf(thrown)
    if (isExhaustion(code)) throw new Untold(`its memory cannot be read (${code})`)
    return GONE.has(code ?? '') ? 0 : memory
  }
}
