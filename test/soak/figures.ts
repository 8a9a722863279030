import type { Outcome, Stage } from './soak.ts'

/** A guarantee, the measured value and the verdict. */
export interface Figure {
  readonly what: string
  readonly promised: string
  readonly was: string
  /** `warning`: it did not hold, but it depends on the load of the machine. */
  readonly verdict: 'held' | 'broken' | 'warning' | 'not judged'
}

const MOST_HEAP_MB = 1
const MOST_RSS_KB_PER_CYCLE = 1
const MOST_SLOWER = 0.25
const WARM = 1_000
const MB = 1024 * 1024

/** Compares an outcome with the guarantees. */
export function figuresOf({ stages, failures, after }: Outcome): Figure[] {
  const [first, last] = [stages[0], stages.at(-1)]
  if (!first || !last) return [figure('cycles', 'some', 'none', false)]
  const [was, is] = [first.reading, last.reading]
  return [
    figure('cycles that failed', '0', countWith(failures.length, failures), failures.length === 0),
    figure(
      'open descriptors',
      `${was.descriptors.length}, as after ${first.done} cycles`,
      countWith(is.descriptors.length, more(was.descriptors, is.descriptors)),
      is.descriptors.length === was.descriptors.length,
    ),
    figure(
      'active resources',
      `${was.resources.length}, as after ${first.done} cycles`,
      countWith(is.resources.length, more(was.resources, is.resources)),
      String(is.resources) === String(was.resources),
    ),
    figure('listeners', String(was.listeners), String(is.listeners), is.listeners === was.listeners),
    figure('zombies', '0', String(is.zombies), is.zombies === 0),
    figure('processes of children', '0', String(is.processes), is.processes === 0),
    figure('files in the folder of the sockets', '0', String(is.files), is.files === 0),
    heapOf(stages, last),
    rssOf(stages, last),
    paceOf(stages, last),
    figure('processes after close()', '0', String(after.processes), after.processes === 0),
    figure('folder of the sockets after close()', 'gone', after.folder ? 'there' : 'gone', !after.folder),
    figure('handlers of `exit` after close()', '0', String(after.exitHandlers), after.exitHandlers === 0),
  ]
}

const figure = (what: string, promised: string, was: string, holds: boolean): Figure => ({
  what,
  promised,
  was,
  verdict: holds ? 'held' : 'broken',
})

const unjudged = (what: string, promised: string, was: string): Figure => ({
  what,
  promised,
  was,
  verdict: 'not judged',
})

const countWith = (count: number, examples: readonly string[]): string =>
  examples.length === 0 ? String(count) : `${count} (${examples.slice(0, 5).join(', ')})`

/** Returns the items of `after` that are not in `before`. */
function more(before: readonly string[], after: readonly string[]): string[] {
  const left = [...before]
  return after.filter((one) => {
    const at = left.indexOf(one)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

const warm = (stages: readonly Stage[]): Stage | undefined => stages.find(({ done }) => done >= WARM)

function heapOf(stages: readonly Stage[], last: Stage): Figure {
  const [what, base] = ['heap', warm(stages)]
  const [then, now] = [(base?.reading.heap ?? 0) / MB, last.reading.heap / MB]
  if (!base || base === last || now === 0) return unjudged(what, '-', `${now.toFixed(2)} MB`)
  const promised = `at most ${MOST_HEAP_MB} MB more than ${then.toFixed(2)} MB, as after ${base.done} cycles`
  return figure(what, promised, `${now.toFixed(2)} MB`, now - then <= MOST_HEAP_MB)
}

function rssOf(stages: readonly Stage[], last: Stage): Figure {
  const what = 'resident memory'
  const base = stages.find(({ done }) => done >= 2 * WARM)
  const now = `${(last.reading.rss / MB).toFixed(1)} MB`
  if (!base || base === last) return unjudged(what, '-', now)
  const slope = (last.reading.rss - base.reading.rss) / 1024 / (last.done - base.done)
  const promised = `at most ${MOST_RSS_KB_PER_CYCLE} KB more per cycle`
  return warned(what, promised, `${slope.toFixed(3)} KB more, ${now}`, slope <= MOST_RSS_KB_PER_CYCLE)
}

/** Compares stages of the same length. Leaves out the first stage of all, because Node compiles code in it. */
function paceOf(stages: readonly Stage[], last: Stage): Figure {
  const what = 'time per cycle'
  const base = warm(stages)
  const now = `${last.msPerCycle.toFixed(1)} ms`
  if (!base || base === last) return unjudged(what, '-', now)
  const promised = `at most 25 % more than ${base.msPerCycle.toFixed(1)} ms, as up to ${base.done} cycles`
  return warned(what, promised, now, last.msPerCycle <= base.msPerCycle * (1 + MOST_SLOWER))
}

const warned = (what: string, promised: string, was: string, holds: boolean): Figure => ({
  ...figure(what, promised, was, holds),
  verdict: holds ? 'held' : 'warning',
})
