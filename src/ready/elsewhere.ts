import { safeLog } from '../events.ts'
import type { Candidate } from './ready.ts'

/** What starts in time is seldom slower; whoever has to mend something hears of it long before the start has failed. */
const LOOK_AFTER_MS = 5_000

/** Tells once of a child that listens, but not where it was told to. Returns what ends that. */
export function tellOfElsewhere({ address, owners, process, settings, sys }: Candidate): () => void {
  const { logger, name } = settings
  let isOver = false
  const look = async (): Promise<void> => {
    const ports = await owners.portsOf(process.pid)
    if (isOver || ports.length === 0 || ports.includes(address as number)) return
    const where = ports.join(', ')
    const text = `is not ready yet: it listens on ${where}, expected ${address}; it must listen on process.env.PORT`
    safeLog(logger, 'warn', `${name}: ${text}`)
  }
  const timer = sys.clock.setTimeout(() => void look(), LOOK_AFTER_MS)
  return () => {
    isOver = true
    sys.clock.clearTimeout(timer)
  }
}
