// spinner 0.3.4. It needs a global that Node has removed, and socket paths from here, because its own are in another directory.
import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'

process.EventEmitter = EventEmitter
for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0)

const require = createRequire(import.meta.url)
const quiet = () => {}
const logger = { log: quiet, info: quiet, warn: quiet, error: quiet }

/** Creates the options of a child that listens on the given address. Each call needs a new object, because spinner 0.3.4 changes it. */
const optionsOf = (name, { command, args }, address, more) => ({
  name,
  command,
  args: [...args],
  env: { ...process.env },
  portalloc: { alloc: (_name, callback) => callback(null, address), free: () => true },
  ...more,
})

export async function open() {
  const { createSpinner } = require('spinner-0.3')
  const spinner = createSpinner({ logger, idleTimeSec: -1 })
  const machines = new Map()

  const start = (name, program, address) =>
    new Promise((resolve, reject) => {
      const options = optionsOf(name, program, address)
      machines.set(
        name,
        spinner.start(options, (error) => (error ? reject(error) : resolve())),
      )
    })
  const stop = (name) =>
    new Promise((resolve, reject) => spinner.stop(name, (error) => (error ? reject(error) : resolve())))
  const again = (name) =>
    new Promise((resolve, reject) => {
      machines.get(name).once('restarted', resolve)
      machines.get(name).once('error', reject)
    })

  return {
    start,
    stop,
    again,
    pidOf: (name) => machines.get(name).child.pid,
    startAll: (names, program, addressOf) =>
      Promise.all(names.map((name) => start(name, program, addressOf(name)))),
    stopAll: (names) => Promise.all(names.map(stop)),
    /** Starts a child with a watched file. Resolves with the time at which spinner kills the child because of a change. */
    whenChanged(name, program, address, monitor) {
      const machine = spinner.start(optionsOf(name, program, address, { monitor }))
      const { child } = machine
      return new Promise((resolve) => {
        child.kill = (signal) => {
          resolve(performance.now())
          return process.kill(child.pid, signal)
        }
      })
    },
    close: () => {},
  }
}
