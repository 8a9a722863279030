// pm2 in its fastest configuration: no version control, no metrics, no logs, and children that report their own readiness.
// Its daemon is a separate process.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { whenAccepting, whenGone } from '../measuring/addresses.mjs'
import { newFolder } from '../measuring/living.mjs'

const require = createRequire(import.meta.url)

const optionsOf = (name, { command, args }, address) => ({
  name,
  script: command,
  args,
  interpreter: 'none',
  env: { PORT: String(address), BENCH_IPC: '1' },
  wait_ready: true,
  vizion: false,
  pmx: false,
  max_restarts: 1_000_000,
  out_file: '/dev/null',
  error_file: '/dev/null',
})

export async function open() {
  const home = newFolder()
  process.env.PM2_HOME = home
  const pm2 = require('pm2')
  const call = (method, ...given) => promisify(pm2[method].bind(pm2))(...given)
  await call('connect')
  return {
    start: (name, program, address) => call('start', optionsOf(name, program, address)),
    stop: (name) => call('delete', name),
    pidOf: async (name) => (await call('describe', name))[0].pid,
    /** Waits for the restart without pm2's events, because these come late, through the daemon. */
    again: async (_name, address, pid) => {
      await whenGone(pid)
      await whenAccepting(address)
    },
    startAll: (names, program, addressOf) =>
      call(
        'start',
        names.map((name) => optionsOf(name, program, addressOf(name))),
      ),
    stopAll: () => call('delete', 'all'),
    /** Returns the pid of the daemon, whose memory and CPU are measured. */
    supervisor: () => Number(readFileSync(path.join(home, 'pm2.pid'), 'utf8')),
    close: () => call('killDaemon'),
  }
}
