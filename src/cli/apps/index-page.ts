import { escapeHtml, htmlPage, type RenderedPage } from '../../gateway/http/pages.ts'
import type { ChildState } from '../../types/child.ts'
import { sanitize } from '../output/sanitize.ts'

/** An app on the page. */
export interface ListedApp {
  readonly name: string
  readonly url: string
  /** Undefined if no request has asked for the app yet. */
  readonly state: ChildState | undefined
}

const STATE_TEXTS: Readonly<Record<ChildState, string>> = {
  stopped: 'asleep',
  starting: 'starting',
  started: 'awake',
  restart: 'restarting',
  stopping: 'stopping',
  faulted: 'failed',
}

/** Renders the page that lists the apps of a folder, and what was skipped. */
export function indexPage(apps: readonly ListedApp[], skipped: readonly string[]): RenderedPage {
  const items = apps.map(
    ({ name, state, url }) =>
      `<li><a href="${escapeHtml(url)}">${escapeHtml(name)}</a>, ${STATE_TEXTS[state ?? 'stopped']}</li>`,
  )
  const list = items.length > 0 ? `<ul>${items.join('')}</ul>` : `<p>${NO_APPS}</p>`
  const lines = skipped.map((line) => `<li>${escapeHtml(sanitize(line, false))}</li>`)
  const rest = lines.length > 0 ? `<p>Skipped:</p><ul>${lines.join('')}</ul>` : ''
  return htmlPage('Apps', list + rest)
}

/** The message for a folder without apps. */
export const NO_APPS =
  'There are no apps yet. Add a .js file, or a folder whose package.json has a start script.'
