/** A response of the gateway itself, sent when the child does not respond. */
export interface Page {
  readonly status: number
  /** One sentence for people. */
  readonly text: string
  /** Further lines, only for clients on this machine: what a child wrote before it exited. */
  readonly details?: readonly string[]
  /** Seconds after which the client may retry. */
  readonly retryAfter?: number
  /** Closes the connection after this response. */
  readonly closesConnection?: boolean
}

/** Repeats nothing from the request, because repeated text can be used to attack the person who reads the page. */
export const NOT_FOUND_PAGE: Page = { status: 404, text: 'No app matches this request.' }

/** Used both for an announced length and for a body that exceeds the limit while it arrives. */
export const BODY_TOO_LARGE_PAGE: Page = { status: 413, text: 'The request body is too large.' }

/** Headers and body of a response of the gateway itself. */
export interface RenderedPage {
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

/** Seconds after which the waiting page reloads. */
const RELOAD_SECONDS = 1

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Escapes text for any place in an HTML page, and removes control characters. */
export function escapeHtml(text: string): string {
  const visible = Array.from(text)
    .filter((character) => character >= ' ' || character === '\n' || character === '\t')
    .join('')
  return visible.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}

/** Prevents the page from loading resources, running scripts, being framed and being cached. */
const SECURITY_HEADERS = {
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

const render = (type: string, body: string, retryAfter?: number): RenderedPage => ({
  headers: {
    ...SECURITY_HEADERS,
    'content-type': `${type}; charset=utf-8`,
    'content-length': String(Buffer.byteLength(body)),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  },
  body,
})

/** Renders a page that is not an error. `body` is HTML. */
export const htmlPage = (title: string, body: string): RenderedPage =>
  render('text/html', html(title, `<h1>${escapeHtml(title)}</h1>${body}`))

/** Renders the page that a browser shows while a child starts. The page reloads itself. */
export function waitingPage(name: string): RenderedPage {
  const title = `Starting ${name}`
  const text = `<h1>${escapeHtml(title)} …</h1><p>This page reloads until the app is ready.</p>`
  const refresh = `<meta http-equiv="refresh" content="${RELOAD_SECONDS}">`
  return render('text/html', html(title, text, refresh), RELOAD_SECONDS)
}

/** Renders an error: as HTML for browsers, as plain text for other clients. */
export function errorPage(page: Page, asHtml: boolean): RenderedPage {
  const { details = [], retryAfter, status, text } = page
  if (status === 204) return { headers: { 'cache-control': 'no-store' }, body: '' }
  const title = `${status} ${TITLES[status] ?? 'Error'}`
  if (!asHtml) {
    const lines = [`${title}: ${text}`, ...details.map((line) => `    ${line}`)]
    return render('text/plain', `${lines.join('\n')}\n`, retryAfter)
  }
  const quoted = details.length === 0 ? '' : `<pre>${escapeHtml(details.join('\n'))}</pre>`
  const body = `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>${quoted}`
  return render('text/html', html(title, body), retryAfter)
}

/** The value of a header as Node parses it. */
type HeaderValue = string | string[] | undefined

/** Returns true if a browser opens a page, and false for requests of scripts and images. */
export function isNavigation(method: string, headers: Readonly<Record<string, HeaderValue>>): boolean {
  const { accept, 'sec-fetch-mode': mode } = headers
  if (method !== 'GET' || (mode !== undefined && mode !== 'navigate')) return false
  return acceptsHtml(accept)
}

export const acceptsHtml = (accept: HeaderValue): boolean =>
  typeof accept === 'string' && /(?:^|[,\s])text\/html(?:[;,\s]|$)/i.test(accept)
