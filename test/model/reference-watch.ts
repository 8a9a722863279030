import { CHECK_INTERVAL_S, CHECK_RETRIES } from './options.ts'
import type { Plan, ReferenceIntervals, ReferenceTime } from './reference-time.ts'

type Undo = () => void

/** Predicts idleness. It is checked eight times per idle time and at least every 15 s; a use in the same turn counts. */
export function watchIdle(
  time: ReferenceTime,
  intervals: ReferenceIntervals,
  seconds: number,
  takeUse: () => boolean,
  onIdle: () => void,
): Undo {
  let since = time.now
  let over = false
  takeUse()
  const isUsed = (): boolean => {
    const used = takeUse()
    if (used) since = time.now
    return used
  }
  const ms = seconds * 1_000
  const leave = intervals.every(Math.min(Math.max(Math.ceil(ms / 8), 10), 15_000), () => {
    if (isUsed() || since + ms - time.now > 0) return
    time.turns.push(() => {
      if (!over && !isUsed()) onIdle()
    })
  })
  return () => {
    over = true
    leave()
  }
}

/** Predicts a check. The next run is timed from the end of the last one. A failure counts two turns later. */
export function watchHealth(time: ReferenceTime, isSick: () => boolean, onUnhealthy: () => void): Undo {
  let failures = 0
  let over = false
  let next: Plan | null = null
  const again = (): void => {
    if (!over) next = time.after(CHECK_INTERVAL_S * 1_000, look)
  }
  const fail = (): void => {
    if (over) return
    if (++failures % CHECK_RETRIES === 0) onUnhealthy()
    again()
  }
  const look = (): void => {
    if (isSick()) {
      time.turns.push(() => time.turns.push(fail))
      return
    }
    failures = 0
    again()
  }
  again()
  return () => {
    over = true
    time.cancel(next)
  }
}

/** Time without changes before a change is reported, and minimum time between two reports. */
const QUIET_MS = 100
const APART_MS = 1_000

/** Predicts a monitor. It polls the file once a second and reports a change after QUIET_MS, at most once per APART_MS. */
export function watchFile(
  time: ReferenceTime,
  intervals: ReferenceIntervals,
  version: () => number,
  onChange: () => void,
): Undo {
  let seen = version()
  let lastTold: number | null = null
  let next: Plan | null = null
  const leave = intervals.every(1_000, () => {
    if (version() === seen) return
    seen = version()
    time.cancel(next)
    const untilAllowed = lastTold === null ? 0 : APART_MS - (time.now - lastTold)
    next = time.after(Math.max(QUIET_MS, untilAllowed), () => {
      lastTold = time.now
      onChange()
    })
  })
  return () => {
    leave()
    time.cancel(next)
  }
}
