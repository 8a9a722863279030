import type { Spinner } from '../../types/spinner.ts'
import type { Plain } from '../config/model.ts'
import { nginxPlugin } from './library-options.ts'
import { byText } from './plan.ts'

/** The nginx plugins of a configuration. They have no names, so a plugin with other options is another plugin. */
export class NginxPlugins {
  readonly #spinner: Spinner
  readonly #removeByText = new Map<string, () => void>()

  constructor(spinner: Spinner) {
    this.#spinner = spinner
  }

  /** Removes the plugins that are not in the list, and adds those that are new. */
  async apply(list: readonly Plain[]): Promise<void> {
    const next = byText(list)
    for (const [text, remove] of this.#removeByText) {
      if (next.has(text)) continue
      this.#removeByText.delete(text)
      remove()
    }
    for (const [text, options] of next) {
      if (this.#removeByText.has(text)) continue
      this.#removeByText.set(text, this.#spinner.use(await nginxPlugin(options)))
    }
  }
}
