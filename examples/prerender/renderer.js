// A renderer: opens a path in its own Chromium and answers with the page as it is after its scripts have run.
import http from 'node:http'
import { chromium } from 'playwright-core'
import { find } from './programs.js'

const [AT_ONCE, WAITING, LONGEST_MS] = [2, 100, 15_000]
// Keep signals from the browser, because this program must finish its answers before the browser exits.
const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false }
const browser = await chromium.launch({ executablePath: find('chromium'), ...signals })
// Use one cache, because pages are the same for all users. Windows that a page opens stay until the browser exits.
const context = await browser.newContext()
context.setDefaultTimeout(LONGEST_MS)

async function render(url) {
  const page = await context.newPage()
  try {
    const answer = await page.goto(process.env.SITE + url)
    if (!answer.ok()) return [answer.status(), await answer.text()]
    const html = await page.waitForSelector('html[data-status]', { state: 'attached' })
    return [Number(await html.getAttribute('data-status')) || 200, await page.content()]
  } finally {
    await page.close()
  }
}

let running = 0
const queue = []

/** Runs `work`, at most AT_ONCE at a time. Further work waits for its turn. */
async function inTurn(work) {
  if (running < AT_ONCE) running++
  else await new Promise((begin) => queue.push(begin))
  try {
    return await work()
  } finally {
    if (queue.length > 0) queue.shift()()
    else running--
  }
}

async function answer(url) {
  if (!url.startsWith('/')) return [400, 'This server is not a proxy.']
  if (queue.length === WAITING) return [503, 'Too many requests are waiting.']
  return inTurn(() => render(url)).catch((error) => {
    console.error(`${url}: ${error.message}`)
    return error.name === 'TimeoutError' ? [504, 'Rendering took too long.'] : [500, 'Rendering failed.']
  })
}

const server = http.createServer(async ({ url }, response) => {
  const [status, text] = await answer(url)
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' }).end(text)
})
server.listen(process.env.PORT)

const die = () => process.exit(1)
browser.once('disconnected', die) // spinner restarts this program, which launches a new browser
const end = () => browser.off('disconnected', die).close()
process.once('SIGTERM', () => server.close(end))
