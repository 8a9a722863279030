const SECONDS = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 } as const
const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/

/** Returns seconds from a number of seconds or a string such as `'500ms'`, `'30s'`, `'5m'`; `undefined` for anything else. */
export function parseDuration(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? secondsIn(value) : value
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined
}

function secondsIn(text: string): number | undefined {
  const match = DURATION.exec(text.trim())
  return match ? Number(match[1]) * SECONDS[match[2] as keyof typeof SECONDS] : undefined
}

/** Units of 1024, whatever their name: pm2, Docker, systemd and nginx count memory like this. */
const BYTES = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 } as const
const SIZE = /^(\d[\d_]*(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)$/i

/** Returns bytes from a number of bytes or a string such as `'100MB'`, `'1.5GiB'`, `'100_000KB'`; `undefined` for anything else. */
export function parseSize(value: unknown): number | undefined {
  const bytes = typeof value === 'string' ? bytesIn(value) : value
  if (typeof bytes !== 'number' || bytes < 0) return undefined
  const whole = Math.round(bytes)
  return Number.isSafeInteger(whole) ? whole : undefined
}

function bytesIn(text: string): number | undefined {
  const match = SIZE.exec(text.trim())
  if (!match) return undefined
  const unit = (match[2] ?? '').toLowerCase() as keyof typeof BYTES
  return Number(match[1]?.replaceAll('_', '')) * BYTES[unit]
}

/** Formats bytes for people: `'97.7MB'`. */
export function formatSize(bytes: number): string {
  const unit = (['t', 'g', 'm', 'k'] as const).find((letter) => bytes >= BYTES[letter])
  return unit ? `${Number((bytes / BYTES[unit]).toFixed(1))}${unit.toUpperCase()}B` : `${bytes}B`
}
