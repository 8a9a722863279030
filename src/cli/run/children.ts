import type { Spinner } from '../../types/spinner.ts'
import type { Member } from '../config/model.ts'
import { type ChildIo, startOptions } from './library-options.ts'

/** The children of a configuration that belong to no pool, by name. */
export class Children {
  readonly #spinner: Spinner
  readonly #io: ChildIo
  readonly #applied = new Map<string, Member>()

  constructor(spinner: Spinner, io: ChildIo) {
    this.#spinner = spinner
    this.#io = io
  }

  /** The children that were started, each with the options of its last start. */
  get applied(): ReadonlyMap<string, Member> {
    return this.#applied
  }

  /** Defines a child in the spinner, or gives a known one the options for its next start. */
  async define(name: string, { isLazy, options }: Member): Promise<void> {
    const { logFiles, loggerOf } = this.#io
    this.#spinner.define({
      ...(await startOptions(options, logFiles, isLazy)),
      logger: loggerOf(name),
      name,
    })
  }

  async start(name: string, member: Member): Promise<void> {
    this.#applied.set(name, member)
    if (!member.isLazy) await this.#spinner.start({ name })
  }

  async stop(name: string): Promise<void> {
    this.#applied.delete(name)
    await this.#spinner.stop(name)
  }

  /** Gives a child new options, and restarts it if it is running. */
  async change(name: string, member: Member): Promise<void> {
    this.#applied.set(name, member)
    const child = this.#spinner.child(name)
    const isStopped = child?.state === 'stopped'
    await this.define(name, member)
    if (!child || isStopped) await this.start(name, member)
    else await child.reload()
  }
}
