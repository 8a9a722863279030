/** What is answered when a child does not answer. */
export interface Page {
  readonly status: number
  /** One sentence, for people. */
  readonly text: string
  /** Lines that a client on this machine may see: what a child wrote before it ended. */
  readonly details?: readonly string[]
  /** Seconds until it is worth asking again. */
  readonly retryAfter?: number
  /** No other request is answered on the connection. */
  readonly isLast?: boolean
}

/** Nobody is told what was asked for: what is echoed can be used against who reads it. */
export const NOT_FOUND_PAGE: Page = { status: 404, text: 'No app is here.' }

/** Headers and body of an answer of ours. */
export interface Rendered {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const TITLES: Readonly<Record<number, string>> = {
  204: 'No Content',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** Seconds after which a waiting page asks again. */
const RELOAD = 1

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as it may stand anywhere in a page. Control characters, which no page shows, are left out. */
export function escapeHtml(text: string): string {
  const visible = Array.from(text)
    .filter((character) => character >= ' ' || character === '\n' || character === '\t')
    .join('')
  return visible.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}

/** A page that names nothing outside itself, runs nothing, and is in no frame and no cache. */
const SAFE = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
} as const

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:46rem;padding:0 1rem;color:#223}
pre{background:#f3f3f5;padding:1rem;overflow:auto;font-size:13px}
@media(prefers-color-scheme:dark){body{background:#16161a;color:#dde}pre{background:#222228}}`

function html(title: string, body: string, extra = ''): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${extra}
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body>${body}</body></html>
`
}

const rendered = (type: string, body: string, retryAfter?: number): Rendered => ({
  headers: {
    ...SAFE,
    'content-type': `${type}; charset=utf-8`,
    'content-length': String(Buffer.byteLength(body)),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  },
  body,
})

/** A page that is no error. `body` is HTML. */
export const htmlPage = (title: string, body: string): Rendered =>
  rendered('text/html', html(title, `<h1>${escapeHtml(title)}</h1>${body}`))

/** What a browser shows while a child starts; it asks again by itself. */
export function waitingPage(name: string): Rendered {
  const title = `Starting ${name}`
  const text = `<h1>${escapeHtml(title)} …</h1><p>This page shows it as soon as it is ready.</p>`
  const refresh = `<meta http-equiv="refresh" content="${RELOAD}">`
  return rendered('text/html', html(title, text, refresh), RELOAD)
}

/** An error as a page for browsers, and as plain text for everything else. */
export function errorPage(page: Page, asHtml: boolean): Rendered {
  const { details = [], retryAfter, status, text } = page
  if (status === 204) return { headers: { 'cache-control': 'no-store' }, body: '' }
  const title = `${status} ${TITLES[status] ?? 'Error'}`
  if (!asHtml) {
    const lines = [`${title}: ${text}`, ...details.map((line) => `    ${line}`)]
    return rendered('text/plain', `${lines.join('\n')}\n`, retryAfter)
  }
  const quoted = details.length === 0 ? '' : `<pre>${escapeHtml(details.join('\n'))}</pre>`
  const body = `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>${quoted}`
  return rendered('text/html', html(title, body), retryAfter)
}

/** A header's value as Node gives it. */
type Value = string | string[] | undefined

/** Whether a browser opens a page, rather than a script or a picture asking for something. */
export function isNavigation(method: string, headers: Readonly<Record<string, Value>>): boolean {
  const { accept, 'sec-fetch-mode': mode } = headers
  if (method !== 'GET' || (mode !== undefined && mode !== 'navigate')) return false
  return acceptsHtml(accept)
}

export const acceptsHtml = (accept: Value): boolean =>
  typeof accept === 'string' && /(?:^|[,\s])text\/html(?:[;,\s]|$)/i.test(accept)
