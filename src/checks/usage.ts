import pidusage from 'pidusage'

/** Longer than any interval is likely to be; 0 would make it loop for ever. */
const REMEMBERED_MS = 600_000

/** Memory in bytes and percent of one core, by pid; null for those that are not there. For systems without `/proc`. */
export async function usageOf(
  pids: readonly number[],
): Promise<Record<string, { memory: number; cpu: number } | null>> {
  // It changes the array that it is given, and refuses an empty one.
  return pids.length === 0 ? {} : await pidusage([...pids], { maxage: REMEMBERED_MS })
}
