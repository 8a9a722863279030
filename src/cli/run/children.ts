import type { Spinner } from '../../types/spinner.ts'
import type { Member } from '../config/model.ts'
import type { LogFiles } from '../output/log-files.ts'
import { startOptions } from './library-options.ts'

/** The children of a configuration that are in no pool, by name. */
export class Children {
  readonly #spinner: Spinner
  readonly #outlets: LogFiles
  readonly #begun = new Map<string, Member>()

  constructor(spinner: Spinner, outlets: LogFiles) {
    this.#spinner = spinner
    this.#outlets = outlets
  }

  /** What was started, as it was when it was started last. */
  get begun(): ReadonlyMap<string, Member> {
    return this.#begun
  }

  /** Makes it known, with the options that it will have from its next start on. */
  async define(name: string, { isLazy, options }: Member): Promise<void> {
    this.#spinner.define({ ...(await startOptions(options, this.#outlets, isLazy)), name })
  }

  async start(name: string, member: Member): Promise<void> {
    this.#begun.set(name, member)
    if (!member.isLazy) await this.#spinner.start({ name })
  }

  async stop(name: string): Promise<void> {
    this.#begun.delete(name)
    await this.#spinner.stop(name)
  }

  async change(name: string, member: Member): Promise<void> {
    this.#begun.set(name, member)
    const child = this.#spinner.child(name)
    const isStopped = child?.state === 'stopped'
    await this.define(name, member)
    if (!child || isStopped) await this.start(name, member)
    else await child.reload()
  }
}
