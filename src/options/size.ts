/** Of 1024 each, whatever they are called: so do pm2, Docker, systemd and nginx count memory. */
const UNITS = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 } as const
const WRITTEN = /^(\d[\d_]*(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)$/i

/** Bytes from a number of bytes or a text such as `'100MB'`, `'1.5GiB'`, `'100_000KB'`; `undefined` for anything else. */
export function parseSize(value: unknown): number | undefined {
  const bytes = typeof value === 'string' ? read(value) : value
  if (typeof bytes !== 'number' || bytes < 0) return undefined
  const whole = Math.round(bytes)
  return Number.isSafeInteger(whole) ? whole : undefined
}

function read(text: string): number | undefined {
  const match = WRITTEN.exec(text.trim())
  if (!match) return undefined
  const unit = (match[2] ?? '').toLowerCase() as keyof typeof UNITS
  return Number(match[1]?.replaceAll('_', '')) * UNITS[unit]
}

/** Bytes as a person reads them: `'97.7MB'`. */
export function showSize(bytes: number): string {
  const unit = (['t', 'g', 'm', 'k'] as const).find((letter) => bytes >= UNITS[letter])
  return unit ? `${Number((bytes / UNITS[unit]).toFixed(1))}${unit.toUpperCase()}B` : `${bytes}B`
}
