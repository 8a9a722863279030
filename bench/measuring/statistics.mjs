// Medians, quartiles and ratios.

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return low + (high - low) * (at - Math.floor(at))
}

/** Returns median and quartiles of the finite numbers; `null` if there are none. */
export function summary(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) }
}

export const median = (values) => summary(values)?.median ?? null

/** Returns the values of one key in all samples; skips rounds without a sample. */
export const valuesOf = (samples, key) => samples.filter(Boolean).map((sample) => sample[key])

/** Returns the median of the ratios of samples from the same round; `null` if no round has both. */
export function pairedRatio(samples, limits, key) {
  return median(samples.map((sample, round) => sample?.[key] / limits[round]?.[key]))
}
