// Medians, quartiles and ratios.

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return low + (high - low) * (at - Math.floor(at))
}

/** Median and quartiles of what is a number; `null` when nothing is. */
export function summary(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) }
}

export const median = (values) => summary(values)?.median ?? null

/** What all samples say under one key; rounds in which there was none are left out. */
export const valuesOf = (samples, key) => samples.filter(Boolean).map((sample) => sample[key])

/** The median of the ratios of samples that were taken in the same round; `null` when no round has both. */
export function pairedRatio(samples, limits, key) {
  return median(samples.map((sample, round) => sample?.[key] / limits[round]?.[key]))
}
