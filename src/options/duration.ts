const UNITS = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 } as const
const WRITTEN = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/

/** Seconds from a number of seconds or a text such as `'500ms'`, `'30s'`, `'5m'`; `undefined` for anything else. */
export function parseDuration(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? read(value) : value
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined
}

function read(text: string): number | undefined {
  const match = WRITTEN.exec(text.trim())
  return match ? Number(match[1]) * UNITS[match[2] as keyof typeof UNITS] : undefined
}
