import { describe, expect, test } from 'vitest'
import {
  acceptsHtml,
  errorPage,
  escapeHtml,
  isNavigation,
  waitingPage,
} from '../../../src/gateway/http/pages.ts'
import { isIgnored } from '../../../src/gateway/routing/ignore-rules.ts'

const EVIL = `<script>alert(1)</script>" onload='x' &\0\x1b[31m`

test('text in a page is text, whatever it says', () => {
  expect(escapeHtml(EVIL)).toBe('&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;[31m')
})

describe('a page', () => {
  const pages = [waitingPage(EVIL), errorPage({ status: 502, text: EVIL, details: [EVIL, EVIL] }, true)]

  test.each(pages)('holds nothing from outside and nothing that runs', ({ body, headers }) => {
    expect(body).not.toContain('<script')
    expect(body).not.toMatch(/(?:src|href)=|url\(|@import/)
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['cache-control']).toBe('no-store')
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body))
  })

  test('that waits asks again by itself, and is small', () => {
    const { body, headers } = waitingPage('shop')
    expect(body).toContain('<meta http-equiv="refresh" content="1">')
    expect(body).toContain('Starting shop')
    expect(headers['retry-after']).toBe('1')
    expect(body.length).toBeLessThan(1_024)
  })

  test('of an error is plain text for whoever did not ask for HTML', () => {
    const { body, headers } = errorPage(
      { status: 502, text: 'It broke.', details: ['<b>'], retryAfter: 7 },
      false,
    )
    expect(body).toBe('502 Bad Gateway: It broke.\n    <b>\n')
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'retry-after': '7' })
  })

  test('that says that nothing is to say is empty', () => {
    expect(errorPage({ status: 204, text: 'x' }, true).body).toBe('')
  })
})

test.each<[string, Record<string, string>, boolean]>([
  ['GET', { accept: 'text/html,application/xhtml+xml' }, true],
  ['GET', { accept: 'text/html', 'sec-fetch-mode': 'navigate' }, true],
  ['GET', { accept: 'text/html', 'sec-fetch-mode': 'cors' }, false],
  ['GET', { accept: '*/*' }, false],
  ['GET', { accept: 'text/html5' }, false],
  ['GET', {}, false],
  ['POST', { accept: 'text/html' }, false],
  ['HEAD', { accept: 'text/html' }, false],
])('whether %s with %j opens a page: %s', (method, headers, opens) => {
  expect(isNavigation(method, headers)).toBe(opens)
})

test('HTML is accepted only where it is named', () => {
  expect(acceptsHtml('application/json, text/html;q=0.5')).toBe(true)
  expect(acceptsHtml(undefined)).toBe(false)
})

describe('activity that does not count', () => {
  const rules = {
    websocket: 'keep',
    ignore: ['/healthz', '/hmr/*', /\.map$/g],
    waitingPage: false,
    maxBody: null,
    answerTimeout: null,
  } as const

  test.each([
    ['/healthz', true],
    ['/healthz?x', true],
    ['/healthz/', false],
    ['/healthzz', false],
    ['/hmr/', true],
    ['/hmr/a/b', true],
    ['/hmr', false],
    ['/a.map', true],
    ['/a.map?x', true],
    ['/a.map.js', false],
  ])('whether that is a request for %s: %s', (path, ignored) => {
    expect(isIgnored(rules, { path, isUpgrade: false })).toBe(ignored)
    expect(isIgnored(rules, { path, isUpgrade: false })).toBe(ignored)
  })

  test('may be a web socket', () => {
    expect(isIgnored(rules, { path: '/', isUpgrade: true })).toBe(false)
    expect(isIgnored({ ...rules, websocket: 'ignore' }, { path: '/', isUpgrade: true })).toBe(true)
    expect(isIgnored({ ...rules, websocket: 'ignore' }, { path: '/', isUpgrade: false })).toBe(false)
  })
})
