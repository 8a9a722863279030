import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createGateway } from '../../src/gateway/index.ts'
import type { GatewayOptions } from '../../src/gateway/options.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { useBrowser } from '../support/browser.ts'
import { newFile, newFolder, newSpinner, next, until } from '../support/host.ts'
import { has } from '../support/needs.ts'
import { root } from '../support/programs.ts'

const LONG_MS = 40_000

describe.runIf(has('chromium'))('in a browser', () => {
  const open = useBrowser()

  async function gatewayFor(to: StartOptions, options: Partial<GatewayOptions> = {}): Promise<string> {
    const spinner = newSpinner()
    const gateway = createGateway(spinner, {
      routes: [{ host: 'app.localhost', to }],
      logger: null,
      ...options,
    })
    onTestFinished(() => gateway.close())
    const { port } = await gateway.listen()
    return `http://app.localhost:${port}/`
  }

  const server = (text: string, gate = ''): string => `
    const http = require('node:http'), fs = require('node:fs')
    const begin = () => {
      if (${JSON.stringify(gate)} && !fs.existsSync(${JSON.stringify(gate)})) return setTimeout(begin, 10)
      http.createServer((request, response) => {
        response.setHeader('content-type', 'text/html')
        response.end('<title>${text}</title><p>${text}')
      }).listen(process.env.PORT)
    }
    begin()`

  test('the waiting page reloads into the app by itself, at the requested URL', async () => {
    const folder = newFolder()
    const gate = path.join(folder, 'gate')
    const script = newFile('app.cjs', server('the app', gate), folder)
    const url = await gatewayFor({ name: 'app', script }, { waitingPage: true })
    const page = await open()
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    const answer = await page.goto(`${url}deep/link?x=1`)
    expect(answer?.status()).toBe(503)
    expect(await page.title()).toBe('Starting app')
    writeFileSync(gate, '')
    // The page has no title while it reloads.
    await until(() =>
      page
        .title()
        .then((title) => title === 'the app')
        .catch(() => false),
    )
    expect(page.url()).toBe(`${url}deep/link?x=1`)
    expect(new Set(asked.map((each) => new URL(each).host))).toEqual(new Set([new URL(url).host]))
  })

  test('the page for an app that fails to start shows the reason as text, never as HTML', async () => {
    const script = newFile('app.cjs', `throw new Error('<img src=x onerror=alert(1)>')`)
    const url = await gatewayFor({ name: 'app', script, attempts: 1 })
    const page = await open()
    const answer = await page.goto(url)
    expect(answer?.status()).toBe(502)
    expect(await page.locator('pre').innerText()).toContain('<img src=x onerror=alert(1)>')
    expect(await page.locator('img').count()).toBe(0)
  })

  test('a reload right after a file change shows the change', async () => {
    const script = newFile('app.cjs', server('before'))
    const url = await gatewayFor({ name: 'app', script, monitor: script })
    const page = await open()
    await page.goto(url)
    expect(await page.title()).toBe('before')
    writeFileSync(script, server('after'))
    await until(async () => {
      expect((await page.reload())?.status()).toBe(200)
      return (await page.title()) === 'after'
    })
  })

  describe('examples/gateway', () => {
    test('runs three apps behind one port with one command, and leaves no process behind', async () => {
      const program = spawn(process.execPath, ['examples/gateway/gateway.js', '0'], {
        cwd: root,
        env: { ...process.env, TEST_MARK: String(process.pid) },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      onTestFinished(() => void program.kill('SIGKILL'))
      let output = ''
      program.stdout.setEncoding('utf8').on('data', (text) => {
        output += text
      })
      const urls = await until(() => {
        const found = output.match(/http:\/\/\S+/g)
        return found?.length === 3 ? found : null
      })
      const [hello, files, echo] = urls as [string, string, string]
      const page = await open()
      for (const [url, heading] of [
        [hello, 'hello from Node'],
        [files, 'hello from Python'],
        [echo, 'echo'],
      ] as const) {
        await page.goto(url)
        await page.getByRole('heading', { name: heading, exact: true }).waitFor({ timeout: LONG_MS })
      }
      await until(async () => (await page.locator('#log').textContent()) === 'hello\n')
      const ended = next(program, 'exit')
      program.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
    })
  })

  test('an open WebSocket keeps its app running for longer than the idle time', async () => {
    const file = path.join(root, 'examples/gateway/echo.js')
    const spinner = newSpinner({ idleTimeSec: 0.3 })
    const to = { name: 'echo', script: file }
    const gateway = createGateway(spinner, { routes: [{ host: 'echo.localhost', to }] })
    const { port } = await gateway.listen()
    const page = await open()
    await page.goto(`http://echo.localhost:${port}`)
    const log = page.locator('#log')
    await until(async () => (await log.textContent()) === 'hello\n')
    // Let an unused app stop twice, so that this app would have been stopped too if the WebSocket did not count.
    await spinner.start({ name: 'alone', command: 'sleep', args: ['600'], listen: null })
    for (let left = 2; left > 0; left--) {
      await until(() => spinner.get('alone')?.state === 'stopped')
      await spinner.start('alone')
    }
    expect(spinner.get('echo')).toMatchObject({ state: 'started', restarts: 0 })
    await page.evaluate(`socket.send('still here')`)
    await until(async () => (await log.textContent()) === 'hello\nstill here\n')
    await page.goto('about:blank')
    await until(() => spinner.get('echo')?.state === 'stopped')
    await gateway.close()
  })
})
