// Shared by all measurements: rounds in random order, and isolation of failed methods.

const LONGEST_SAMPLE_MS = 20_000
const LONGEST_ERROR = 80

export const progress = (text) => process.stderr.write(`bench: ${text}\n`)

/**
 * Takes samples of each method, in a new random order each round. A method is `{ name, sample, rounds, longestMs }`:
 * `sample` returns numbers by key, and `rounds` limits how often the method takes part. A method that fails is not sampled
 * again. A sample has the index of its round, so that samples of the same round can be compared.
 */
export async function interleave(label, methods, rounds) {
  const results = new Map(methods.map(({ name }) => [name, { samples: [], error: null }]))
  for (let round = 0; round < rounds; round++) {
    for (const method of shuffled(methods.filter((method) => isDue(method, round, rounds)))) {
      await take(method, round, results.get(method.name))
    }
    if (round === 0 || (round + 1) % 5 === 0) progress(`${label}: round ${round + 1} of ${rounds}`)
  }
  return results
}

/** Returns whether a method takes part in a round. Spreads the samples over all rounds, because the load of the machine changes. */
function isDue(method, round, rounds) {
  const own = Math.min(rounds, method.rounds ?? rounds)
  return Math.ceil(((round + 1) * own) / rounds) > Math.ceil((round * own) / rounds)
}

async function take({ sample, longestMs = LONGEST_SAMPLE_MS }, round, result) {
  if (result.error !== null) return
  try {
    result.samples[round] = await inTime(sample(round), longestMs)
  } catch (thrown) {
    result.error = firstLine(thrown)
  }
}

export const firstLine = (thrown) =>
  String(thrown?.message ?? thrown)
    .split('\n', 1)[0]
    .slice(0, LONGEST_ERROR)

function inTime(promise, ms) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${ms / 1_000} s`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

function shuffled(items) {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[order[last], order[other]] = [order[other], order[last]]
  }
  return order
}
