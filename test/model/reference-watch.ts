import { CHECK_INTERVAL_S, CHECK_RETRIES } from './options.ts'
import type { Plan, ReferenceRounds, ReferenceTime } from './reference-time.ts'

type Undo = () => void

/** Looks eight times in an idle time, and at least every 15 seconds; use in the turn of the decision counts. */
export function watchIdle(
  time: ReferenceTime,
  rounds: ReferenceRounds,
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
  const leave = rounds.join(Math.min(Math.max(Math.ceil(ms / 8), 10), 15_000), () => {
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

/** A check, over and over; the next run is timed from the end of the last. A failure counts two turns later. */
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
    time.callOff(next)
  }
}

/** How long it must be quiet before a change is told, and how far apart two are told at least. */
const QUIET_MS = 100
const APART_MS = 1_000

/** Looks at a file once a second; tells changes when it is quiet, and not too often. */
export function watchFile(
  time: ReferenceTime,
  rounds: ReferenceRounds,
  version: () => number,
  onChange: () => void,
): Undo {
  let seen = version()
  let lastTold: number | null = null
  let next: Plan | null = null
  const leave = rounds.join(1_000, () => {
    if (version() === seen) return
    seen = version()
    time.callOff(next)
    const untilAllowed = lastTold === null ? 0 : APART_MS - (time.now - lastTold)
    next = time.after(Math.max(QUIET_MS, untilAllowed), () => {
      lastTold = time.now
      onChange()
    })
  })
  return () => {
    leave()
    time.callOff(next)
  }
}
