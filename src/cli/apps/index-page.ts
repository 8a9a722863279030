import { escapeHtml, htmlPage, type RenderedPage } from '../../gateway/http/pages.ts'
import type { ChildState } from '../../types/child.ts'
import { sanitize } from '../output/sanitize.ts'

/** An app as the page lists it. */
export interface Listed {
  readonly name: string
  readonly url: string
  /** Undefined when nobody has asked for it yet. */
  readonly state: ChildState | undefined
}

const WORDS: Readonly<Record<ChildState, string>> = {
  stopped: 'asleep',
  starting: 'starting',
  started: 'awake',
  restart: 'starting',
  stopping: 'going to sleep',
  faulted: 'has failed',
}

/** The page that lists the apps of a folder, and what is left out. */
export function indexPage(apps: readonly Listed[], left: readonly string[]): RenderedPage {
  const items = apps.map(
    ({ name, state, url }) =>
      `<li><a href="${escapeHtml(url)}">${escapeHtml(name)}</a>, ${WORDS[state ?? 'stopped']}</li>`,
  )
  const served = items.length > 0 ? `<ul>${items.join('')}</ul>` : `<p>${NOTHING}</p>`
  const lines = left.map((line) => `<li>${escapeHtml(sanitize(line, false))}</li>`)
  const rest = lines.length > 0 ? `<p>Left out:</p><ul>${lines.join('')}</ul>` : ''
  return htmlPage('Apps', served + rest)
}

/** What is said of a folder without apps. */
export const NOTHING =
  'There are no apps yet: put a .js file here, or a folder whose package.json has a start script.'
