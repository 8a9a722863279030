import { describe, expect, test } from 'vitest'
import {
  acceptsHtml,
  errorPage,
  escapeHtml,
  isNavigation,
  waitingPage,
} from '../../../src/gateway/http/pages.ts'

const EVIL = `<script>alert(1)</script>" onload='x' &\0\x1b[31m`

test('HTML in the text of a page is escaped, and control characters are removed', () => {
  expect(escapeHtml(EVIL)).toBe('&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;[31m')
})

describe('a page of the gateway', () => {
  const pages = [waitingPage(EVIL), errorPage({ status: 502, text: EVIL, details: [EVIL, EVIL] }, true)]

  test.each(pages)('loads no resources and runs no scripts', ({ body, headers }) => {
    expect(body).not.toContain('<script')
    expect(body).not.toMatch(/(?:src|href)=|url\(|@import/)
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['cache-control']).toBe('no-store')
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body))
  })

  test('for a starting child reloads itself, and is small', () => {
    const { body, headers } = waitingPage('shop')
    expect(body).toContain('<meta http-equiv="refresh" content="1">')
    expect(body).toContain('Starting shop')
    expect(headers['retry-after']).toBe('1')
    expect(body.length).toBeLessThan(1_024)
  })

  test('for an error is plain text unless the client accepts HTML', () => {
    const { body, headers } = errorPage(
      { status: 502, text: 'It broke.', details: ['<b>'], retryAfter: 7 },
      false,
    )
    expect(body).toBe('502 Bad Gateway: It broke.\n    <b>\n')
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'retry-after': '7' })
  })

  test('with status 204 is empty', () => {
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
])('%s with the headers %j counts as navigation: %s', (method, headers, isPage) => {
  expect(isNavigation(method, headers)).toBe(isPage)
})

test('HTML is accepted only if the header names it', () => {
  expect(acceptsHtml('application/json, text/html;q=0.5')).toBe(true)
  expect(acceptsHtml(undefined)).toBe(false)
})
