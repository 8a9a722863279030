import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { PATH } from './needs.ts'

/** Arguments that keep the browser from contacting other machines and from searching for a desktop. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts a real browser for all tests of a file. Returns a function that opens a page for one test. */
export function useBrowser(): () => Promise<Page> {
  let browser: BrowserContext | null = null
  let folder = ''

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-browser-'))
    // Do not pass TEST_MARK, because the browser must stay alive after each test.
    const env = { PATH, HOME: folder, TMPDIR: folder }
    browser = await chromium.launchPersistentContext(path.join(folder, 'profile'), {
      executablePath: '/usr/bin/chromium',
      args: ARGS,
      env,
    })
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  return async () => {
    if (!browser) throw new Error('the browser has not started')
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    return page
  }
}
