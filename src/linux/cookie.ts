import { randomUUID } from 'node:crypto'

/** The variable of a child's environment by which those are found that left their group. */
export const COOKIE = 'SPINNER_COOKIE'

/** The last part of the mark of a watchdog: it ends by itself when it has done its work. */
const WATCHDOG = 'watchdog'

/** What a host that is itself a child may carry; anything else is nobody's mark. */
const MARK = /^[\w.-]+(\/[\w.-]+)*$/
const LONGEST = 1_000

/**
 * The marks of one spinner's processes: its own number, and one more for each spawn. A spinner inside another one's
 * child adds its marks to that child's, as a path, so that the outer one knows all that its child has started.
 */
export class Cookies {
  /** What all of them hold, and nobody else's do. */
  readonly uuid: string = randomUUID()
  readonly #outer: string
  #spawns = 0

  constructor(env: NodeJS.ProcessEnv) {
    const given = env[COOKIE] ?? ''
    this.#outer = given.length <= LONGEST && MARK.test(given) ? `${given}/` : ''
  }

  /** The mark of the next process. */
  next(): string {
    return `${this.#outer}${this.uuid}.${++this.#spawns}`
  }

  /**
   * The mark of the watchdog, where an outer spinner looks for what its child has started. Its points are colons, so
   * that the watchdog of the outer one does not take it for a child.
   */
  get watchdog(): Record<string, string> {
    return this.#outer === '' ? {} : { [COOKIE]: `${this.#outer.replaceAll('.', ':')}${WATCHDOG}` }
  }
}

/** The mark of a process itself, and those of the processes for which it was spawned: what it is within. */
export function outersOf(mark: string): string[] {
  const parts = mark.replaceAll(':', '.').split('/')
  return [mark, ...parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'))]
}

/** Whether a mark is that of a process, or was made for something that this process has spawned itself. */
export const isWithin = (mark: string, outer: string): boolean => outersOf(mark).includes(outer)

export const isWatchdog = (mark: string): boolean => mark.endsWith(`/${WATCHDOG}`)
