// Makes a fresh machine ready for `npm start`, `npm test`, `npm run bench` and `npm pack`: packages when they are missing
// or older than the lock file, the build when it is older than the sources, with --test what the tests need, and with --bench
// what is measured beside it.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const at = (file) => path.join(root, file)
const timeOf = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0)

/** Programs that tests run for real, and the Debian packages that each needs; what these recommend is not installed. */
const TEST_PROGRAMS = [
  { program: 'cc', package: 'gcc libc6-dev', why: 'the small C server of the tests' },
  { program: 'python3', package: 'python3', why: 'a listener that is not ours' },
  { program: 'chromium', package: 'chromium', why: 'the browser that opens apps behind the gateway' },
  { program: 'nginx', package: 'nginx', why: 'the nginx plugin' },
  { program: 'chromium', package: 'chromium', why: 'the example of browsers behind nginx' },
  { program: 'ps', package: 'procps', why: 'processes as systems other than Linux tell of them' },
]

/** Programs of the measurements; without one, what it is for is shown as not measured, or measured by another. */
const BENCH_PROGRAMS = [
  { program: 'cc', package: 'gcc libc6-dev', why: 'the small C server that is started' },
  { program: 'nginx', package: 'nginx', why: 'the limit of the gateway, and the nginx plugin' },
  { program: 'wrk', package: 'wrk', why: 'the load on the gateway: one in Node takes its place' },
]

/** Debian asks this program whether a package that was just installed may start its daemon. */
const POLICY = '/usr/sbin/policy-rc.d'
const NO_DAEMONS = '#!/bin/sh\nexit 101\n'

function run(command, args, why) {
  // Standard output may be somebody's JSON.
  console.error(`setup: ${why}`)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status === 0) return true
  console.error(`setup: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`)
  return false
}

/** Where Debian has daemons, which is not on every user's PATH. */
const DAEMONS = '/usr/sbin'
const folders = [...(process.env.PATH ?? '').split(path.delimiter), DAEMONS]
const isOnPath = (program) => folders.some((folder) => existsSync(path.join(folder, program)))

/** The tests start daemons of their own; one that runs from now on would be a surprise. */
function withoutDaemons(install) {
  if (existsSync(POLICY)) return install()
  writeFileSync(POLICY, NO_DAEMONS, { mode: 0o755 })
  try {
    return install()
  } finally {
    rmSync(POLICY, { force: true })
  }
}

/** `npm ci` in a folder whose packages are missing or older than its lock file. */
function installPackages(folder, why) {
  const installed = timeOf(path.join(folder, 'node_modules/.package-lock.json'))
  if (installed > 0 && installed >= timeOf(path.join(folder, 'package-lock.json'))) return true
  const npm = process.env.npm_execpath
  const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []]
  const flags = ['ci', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error']
  return run(command, [...args, ...flags], why)
}

function installPrograms(programs, without) {
  const missing = programs.filter(({ program }) => !isOnPath(program))
  if (missing.length === 0) return
  const names = missing.flatMap((entry) => entry.package.split(' '))
  const mayInstall = process.getuid?.() === 0 && isOnPath('apt-get')
  const apt = (...args) => run('apt-get', args, `apt-get ${args.join(' ')}`)
  const install = () => apt('install', '-y', '-qq', '--no-install-recommends', ...names)
  if (mayInstall && apt('update', '-qq') && withoutDaemons(install)) return
  for (const { program, why } of missing) console.log(`setup: ${program} is missing (${why}); ${without}`)
  console.log(`setup: to have all, install: ${names.join(' ')}`)
}

if (!installPackages(root, 'installing packages (npm ci)')) process.exit(1)
if (process.argv.includes('--bench')) {
  // Without them the measurements run too, and say what is missing.
  installPackages(at('bench'), 'installing what is measured beside it (npm ci)')
  installPrograms(BENCH_PROGRAMS, 'it will be missing in the tables')
}
if (process.argv.includes('--test')) installPrograms(TEST_PROGRAMS, 'its tests will be skipped')
if (!run(process.execPath, [at('scripts/build.mjs')], 'building, if anything changed')) process.exit(1)
