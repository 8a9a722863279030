// From the moment at which children are ready to that at which nginx serves by it, and how often nginx is reloaded for that.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createSpinner } from 'spinner'
import { nginx } from 'spinner/nginx'
import { interleave, newFolder, number, summary, verdict } from './harness.mjs'

const COLUMNS = ['what', 'method', 'ms, median [quartiles]', 'reloads', 'target', '']
const PROGRAM = '/usr/sbin/nginx'
const SETTLE_MS = 150

const blockOf = (servers) => `upstream app {\n${servers.map((line) => `  ${line}\n`).join('')}}\n`

/** An nginx of our own, that listens on a socket. */
async function newMaster() {
  const folder = newFolder()
  const at = (file) => path.join(folder, file)
  mkdirSync(at('temp'))
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path temp/${kind};`,
  )
  writeFileSync(
    at('nginx.conf'),
    `worker_processes 1; pid nginx.pid; error_log error.log notice; events { } http { access_log off; ${temps.join(' ')}
include app.conf; server { listen unix:${at('front.sock')}; location / { proxy_pass http://app; } } }`,
  )
  const command = [PROGRAM, '-p', folder, '-e', at('error.log')]
  writeFileSync(at('app.conf'), '')
  const begin = async () => {
    const master = spawn(command[0], [...command.slice(1), '-c', at('nginx.conf'), '-g', 'daemon off;'], {
      stdio: 'ignore',
    })
    while (generations() === 0) await pause(5)
    return master
  }
  const log = () => (existsSync(at('error.log')) ? readFileSync(at('error.log'), 'utf8') : '')
  const count = (line) => log().match(line)?.length ?? 0
  const generations = () => count(/: start worker processes$/gm)
  const reloads = () => count(/SIGHUP\) received/g)
  return { at, begin, command, generations, reloads, log }
}

/** What nobody can do without: write, signal, and see that the old worker takes nothing more. */
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

/** So many children that are ready in the same moment: programs that do nothing, on ports. */
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

/** A restart on a socket, of which nginx must hear nothing. */
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

export async function measure({ rounds }) {
  const title = 'nginx'
  if (!existsSync(PROGRAM))
    return [{ title, columns: COLUMNS, rows: [['all', '', `not measured: there is no ${PROGRAM} here`]] }]
  const places = { bare: await newMaster(), spinner: await newMaster() }
  writeFileSync(places.bare.at('app.conf'), blockOf(['server 127.0.0.1:1;']))
  writeFileSync(places.spinner.at('app.conf'), '')
  const { at, command } = places.spinner
  const plugin = nginx({ upstream: 'app', file: at('app.conf'), command, config: at('nginx.conf') })
  const spinner = createSpinner({
    logger: null,
    stdout: null,
    stderr: null,
    plugins: [plugin],
    concurrency: 100,
  })
  while (readFileSync(at('app.conf'), 'utf8') === '') await pause(5)
  // What was written is tested, and then no nginx is found; one that began meanwhile would be.
  await pause(SETTLE_MS * 4)
  const masters = [await places.bare.begin(), await places.spinner.begin()]
  try {
    const methods = [
      { name: 'write and SIGHUP alone', what: 'one change', sample: bare(places.bare, masters[0]) },
      ...SIZES.map((size) => ({
        name: 'spinner, debounce 0.1 s and `nginx -t` included',
        what: `the last of ${size} is ready, until nginx serves by it`,
        sample: burst(spinner, places.spinner, size),
        target: 1,
      })),
      { name: 'spinner', what: 'restart on a socket', sample: restart(spinner, places.spinner), target: 0 },
    ].map((method, index) => ({ ...method, label: method.name, name: `${index}` }))
    const results = await interleave('nginx', methods, rounds)
    return [{ title, note: NOTE, columns: COLUMNS, rows: methods.map((method) => rowOf(method, results)) }]
  } finally {
    await spinner.close()
    for (const master of masters) master.kill()
  }
}

const NOTE =
  'nginx serves by a change when it has a new worker and the old one takes no new connections; nginx itself waits 0.1 s between the two. The target is the number of reloads.'

function rowOf({ name, label, what, target }, results) {
  const { samples, error } = results.get(name)
  if (error !== null) return [what, label, `failed: ${error}`, '', '', 'not reached']
  const { q1, median, q3 } = summary(samples.map(({ ms }) => ms))
  const most = Math.max(...samples.map(({ reloads }) => reloads))
  const spread = `${number(median)} [${number(q1)}..${number(q3)}]`
  return target === undefined
    ? [what, label, spread, most, '', '']
    : [what, label, spread, most, `<= ${target}`, verdict(most, target)]
}
