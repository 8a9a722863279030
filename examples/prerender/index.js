// Headless browsers behind nginx. They send the pages of a single-page app as they are after its script has run.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { createSpinner } from 'spinner'
import { memory, responseTime } from 'spinner/checks'
import { createPool } from 'spinner/pool'
import { newNginx } from './nginx.js'
import { whatIsMissing } from './programs.js'

const port = Number(parseArgs({ options: { port: { type: 'string', default: '8080' } } }).values.port)
if (whatIsMissing()) {
  console.error(whatIsMissing())
  process.exit(1)
}

const program = (name) => path.join(import.meta.dirname, name)
// Keep all files here: the files of nginx, and the temporary files that a killed browser leaves behind.
const folder = mkdtempSync(path.join(tmpdir(), 'prerender-'))
const nginx = newNginx(folder, port)
const spinner = createSpinner({ plugins: nginx.plugins, idleTimeSec: -1 })
let pool = null

async function start() {
  await nginx.hasUpstreams()
  await spinner.start(nginx.child)
  const site = await spinner.start({ name: 'site', script: program('site.js'), listen: 'port' })
  pool = createPool(spinner, {
    name: 'renderer',
    size: 2,
    script: program('renderer.js'),
    monitor: program('renderer.js'),
    env: { SITE: `http://127.0.0.1:${site}`, TMPDIR: folder },
    ready: { http: '/' }, // ready when it has rendered a page
    timeout: '60s',
    restartOrder: 'start-first',
    maxRestarts: 5,
    checks: [memory({ limit: '800MB' }), responseTime({ path: '/', threshold: 10, interval: 20 })],
  })
  await pool.start()
  console.log(`Open http://127.0.0.1:${port}/ : ${pool.size} browsers behind nginx render what you see.`)
  console.log(`kill -USR2 ${process.pid} restarts them one by one. Ctrl-C ends everything.`)
}

let isEnding = false

async function end(error) {
  if (isEnding) return
  isEnding = true
  if (error) console.error(error.message)
  await spinner.stop('nginx')
  await spinner.close()
  rmSync(folder, { recursive: true })
  if (error) process.exitCode = 1
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end())
process.on('SIGUSR2', () => pool?.restart().catch(() => {})) // the logger reports the error
start().catch(end)
