import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { PATH } from './needs.ts'

/** It shall look for nothing outside this machine, and find no desktop to talk to. */
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

/** A real browser for the tests of a file. */
export function useBrowser(): () => Promise<Page> {
  let browser: BrowserContext | null = null
  let folder = ''

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'spinner-browser-'))
    // Its processes carry no mark of this test file: it outlives each test on purpose.
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
