// Measures the time from ready children until nginx uses them, and the number of reloads that this takes.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createSpinner } from '../../dist/index.js'
import { nginx } from '../../dist/nginx/index.js'
import { interleave } from '../measuring/harness.mjs'
import { NGINX, nginxIn, startNginx } from '../measuring/http.mjs'
import { newFolder } from '../measuring/living.mjs'
import { valuesOf } from '../measuring/statistics.mjs'
import { cell } from '../showing/tables.mjs'

const COLUMNS = ['what', 'method', 'ms, median [quartiles]', 'most reloads']
const NOTE =
  'nginx has applied a change when it has a new worker and the old worker accepts no new connections. nginx itself waits 0.1 s between the two. A restart of a child on a socket changes nothing for nginx.'
const SETTLE_MS = 150

const blockOf = (servers) => `upstream app {\n${servers.map((line) => `  ${line}\n`).join('')}}\n`

/** Creates an nginx for this benchmark that listens on a socket. */
async function newMaster() {
  const folder = newFolder()
  const at = (file) => path.join(folder, file)
  const { own, http, command } = nginxIn(folder)
  writeFileSync(
    at('nginx.conf'),
    `${own} error_log error.log notice; events { } http { ${http}
include app.conf; server { listen unix:${at('front.sock')}; location / { proxy_pass http://app; } } }`,
  )
  writeFileSync(at('app.conf'), '')
  const begin = async () => {
    const master = startNginx(command, at('nginx.conf'))
    while (generations() === 0) await pause(5)
    return master
  }
  const log = () => (existsSync(at('error.log')) ? readFileSync(at('error.log'), 'utf8') : '')
  const count = (line) => log().match(line)?.length ?? 0
  const generations = () => count(/: start worker processes$/gm)
  const reloads = () => count(/SIGHUP\) received/g)
  return { at, begin, command, generations, reloads, log }
}

/** The limit: write the file, signal nginx, and wait until the old worker accepts no new connections. */
function bare(place, master) {
  let round = 0
  return async () => {
    const before = place.reloads()
    const leaving = () => place.log().match(/gracefully shutting down/g)?.length ?? 0
    const [left, made] = [leaving(), place.generations()]
    const began = performance.now()
    writeFileSync(place.at('app.conf'), blockOf([`server 127.0.0.1:${1_000 + (round++ % 1_000)};`]))
    master.kill('SIGHUP')
    while (place.generations() === made || leaving() === left) await pause(5)
    const ms = performance.now() - began
    await pause(SETTLE_MS)
    return { ms, reloads: place.reloads() - before }
  }
}

/** Makes `size` children ready at the same moment: programs on ports that do nothing. */
function burst(spinner, place, size) {
  return async () => {
    const names = Array.from({ length: size }, (_, index) => `child-${index}`)
    const before = place.reloads()
    const isReady = names.map(
      (name) =>
        new Promise((resolve) =>
          spinner.on('started', (child) => child.name === name && resolve(performance.now())),
        ),
    )
    let began = 0
    let waiting = size
    let open = () => {}
    const opened = new Promise((resolve) => {
      open = resolve
    })
    const ready = () => {
      waiting--
      if (waiting === 0) open()
      began = performance.now()
      return opened
    }
    for (const name of names)
      spinner.start({ name, command: 'sleep', args: ['600'], listen: 'port', ready, idleTimeSec: -1 })
    const ended = Math.max(...(await Promise.all(isReady)))
    const reloads = place.reloads() - before
    spinner.off('started')
    await spinner.stopAll()
    await pause(SETTLE_MS)
    return { ms: ended - began, reloads }
  }
}

/** Restarts a child on a socket, which must not reload nginx. */
function restart(spinner, place) {
  return async () => {
    const child = spinner.start({
      name: 'socket',
      command: 'sleep',
      args: ['600'],
      ready: 'spawn',
      idleTimeSec: -1,
    })
    await child
    const before = place.reloads()
    const began = performance.now()
    await child.restart()
    return { ms: performance.now() - began, reloads: place.reloads() - before }
  }
}

const SIZES = [1, 20, 100]

/** Creates two nginx instances: one for the limit, and one that the plugin updates. */
async function newPlaces() {
  const places = { bare: await newMaster(), spinner: await newMaster() }
  writeFileSync(places.bare.at('app.conf'), blockOf(['server 127.0.0.1:1;']))
  const { at, command } = places.spinner
  const plugin = nginx({ upstream: 'app', file: at('app.conf'), command, config: at('nginx.conf') })
  const quiet = { logger: null, stdout: null, stderr: null }
  const spinner = createSpinner({ ...quiet, plugins: [plugin], concurrency: 100 })
  while (readFileSync(at('app.conf'), 'utf8') === '') await pause(5)
  // Wait until the plugin has tested its file and found no nginx. An nginx that started earlier would be found and reloaded.
  await pause(SETTLE_MS * 4)
  return { places, spinner, masters: [await places.bare.begin(), await places.spinner.begin()] }
}

const methodsOf = ({ places, spinner, masters }) =>
  [
    { method: 'write and SIGHUP only', what: 'one change', sample: bare(places.bare, masters[0]) },
    ...SIZES.map((size) => ({
      method: 'spinner, debounce 0.1 s and `nginx -t` included',
      what: `last child of ${size} is ready, until nginx uses it`,
      sample: burst(spinner, places.spinner, size),
      key: 'nginx reloads',
    })),
    {
      method: 'spinner',
      what: 'restart of a child on a socket',
      sample: restart(spinner, places.spinner),
      key: 'nginx restart',
    },
  ].map((method) => ({ ...method, name: method.what }))

/** Returns the highest number of reloads, because a single extra reload misses the target. */
function mostOf(results) {
  const failed = results.find(({ error }) => error !== null)
  return failed ? failed.error : Math.max(...results.flatMap(({ samples }) => valuesOf(samples, 'reloads')))
}

function unmeasured(why) {
  return {
    figures: { 'nginx reloads': why, 'nginx restart': why },
    tables: [{ title: 'nginx', columns: ['result'], rows: [[`not measured: ${why}`]] }],
  }
}

export async function measure({ rounds }) {
  if (!existsSync(NGINX)) return unmeasured(`${NGINX} does not exist`)
  const all = await newPlaces()
  try {
    const methods = methodsOf(all)
    const results = await interleave('nginx', methods, rounds)
    const resultsOf = (key) =>
      methods.filter((method) => method.key === key).map(({ name }) => results.get(name))
    const rows = methods.map(({ name, method, what }) => {
      const result = results.get(name)
      return [what, method, cell(result, 'ms'), result.error === null ? mostOf([result]) : '']
    })
    const keys = ['nginx reloads', 'nginx restart']
    return {
      figures: Object.fromEntries(keys.map((key) => [key, mostOf(resultsOf(key))])),
      tables: [{ title: 'nginx', note: NOTE, columns: COLUMNS, rows }],
    }
  } finally {
    await all.spinner.close()
    for (const master of all.masters) master.kill()
  }
}
