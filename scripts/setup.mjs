// Prepares a new machine for `npm start`, `npm test`, `npm run bench` and `npm pack`. Installs packages if they are missing
// or older than the lock file, and builds if the build is older than the sources. With --test, installs the programs that the
// tests need; with --bench, the packages and programs that the benchmarks need.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const at = (file) => path.join(root, file)
const timeOf = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0)

/** Programs that the tests run, and the Debian packages of each. Recommended packages are not installed. */
const TEST_PROGRAMS = [
  { program: 'cc', package: 'gcc libc6-dev', why: 'the small C server of the tests' },
  { program: 'python3', package: 'python3', why: 'a listener of another process' },
  { program: 'chromium', package: 'chromium', why: 'the browser for apps behind the gateway' },
  { program: 'nginx', package: 'nginx', why: 'the nginx plugin' },
  { program: 'chromium', package: 'chromium', why: 'the example of browsers behind nginx' },
  { program: 'ps', package: 'procps', why: 'the process list of systems other than Linux' },
  { program: 'shellcheck', package: 'shellcheck', why: 'the linter of the shell scripts' },
  { program: 'dash', package: 'dash', why: 'a shell that the shell scripts must work in' },
  { program: 'bash', package: 'bash', why: 'a shell that the shell scripts must work in' },
  { program: 'busybox', package: 'busybox', why: 'a shell that the shell scripts must work in' },
]

/** Programs of the benchmarks. Without one of them, its figures are shown as not measured, or another program measures them. */
const BENCH_PROGRAMS = [
  { program: 'cc', package: 'gcc libc6-dev', why: 'the small C server of the benchmarks' },
  { program: 'nginx', package: 'nginx', why: 'the limit of the gateway, and the nginx plugin' },
  { program: 'wrk', package: 'wrk', why: 'the load on the gateway; a Node program replaces it' },
]

/** Debian runs this program to decide whether a newly installed package may start its daemon. */
const POLICY = '/usr/sbin/policy-rc.d'
const NO_DAEMONS = '#!/bin/sh\nexit 101\n'

function run(command, args, why) {
  // Print to stderr, because stdout may carry JSON.
  console.error(`setup: ${why}`)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status === 0) return true
  console.error(`setup: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`)
  return false
}

/** Debian's directory for daemons, which is not on every user's PATH. */
const DAEMONS = '/usr/sbin'
const folders = [...(process.env.PATH ?? '').split(path.delimiter), DAEMONS]
const isOnPath = (program) => folders.some((folder) => existsSync(path.join(folder, program)))

/** Installs without starting daemons, because the tests start their own and users do not expect a new one. */
function withoutDaemons(install) {
  if (existsSync(POLICY)) return install()
  writeFileSync(POLICY, NO_DAEMONS, { mode: 0o755 })
  try {
    return install()
  } finally {
    rmSync(POLICY, { force: true })
  }
}

/** Runs `npm ci` in a directory whose packages are missing or older than its lock file. */
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
  console.log(`setup: to get all of them, install: ${names.join(' ')}`)
}

if (!installPackages(root, 'installing packages (npm ci)')) process.exit(1)
if (process.argv.includes('--bench')) {
  // Continue without them: the benchmarks still run, and report what is missing.
  installPackages(at('bench'), 'installing the compared programs (npm ci)')
  installPrograms(BENCH_PROGRAMS, 'it will be missing in the tables')
}
if (process.argv.includes('--test')) installPrograms(TEST_PROGRAMS, 'its tests will be skipped')
if (!run(process.execPath, [at('scripts/build.mjs')], 'building, if a source has changed')) process.exit(1)
