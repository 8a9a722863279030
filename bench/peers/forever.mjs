// Combines forever-monitor, which restarts children, and wait-on, which detects listening children.
import { createRequire } from 'node:module'
import { whenGone } from '../measuring/addresses.mjs'

const require = createRequire(import.meta.url)

/** Opens the peer. `settings` are options of wait-on. */
export async function open(settings) {
  const { Monitor } = require('forever-monitor')
  const waitOn = require('wait-on')
  const monitors = new Map()
  const resourceOf = (address) =>
    typeof address === 'string' ? `socket:${address}` : `tcp:127.0.0.1:${address}`
  const ready = (address) => waitOn({ resources: [resourceOf(address)], ...settings })
  return {
    start(name, { command, args }, address) {
      const env = { ...process.env, PORT: String(address) }
      const options = { silent: true, env, max: 1_000_000, minUptime: 0, spinSleepTime: 0, killTree: false }
      const monitor = new Monitor([command, ...args], options)
      monitors.set(name, monitor)
      monitor.start()
      return ready(address)
    },
    stop(name) {
      const monitor = monitors.get(name)
      const gone = new Promise((resolve) => monitor.once('exit', resolve))
      monitor.stop()
      return gone
    },
    pidOf: (name) => monitors.get(name).child.pid,
    again: async (_name, address, pid) => {
      await whenGone(pid)
      await ready(address)
    },
    close: () => {},
  }
}
