// From the call to a child that accepts, and from a crash to one that accepts again.
import { once } from 'node:events'
import path from 'node:path'
import { createSpinner } from 'spinner'
import { bareSpawn, clear, end, freePort, whenAccepting, whenTold } from './bare.mjs'
import { children, compile, interleave, newFolder, rowsOf } from './harness.mjs'

const LIMIT = 'bare spawn, one byte on fd 3'
const TARGETS = { node: { start: 1.1, crash: 1.1 }, C: { start: 1.8, crash: 1.5 } }
const COLUMNS = ['child', 'method', 'ms, median [quartiles]', 'to the limit', 'target', '']
const NOTE =
  'The child is killed with SIGKILL for the second table. The limit checks nothing; spinner also allocates the address, makes sure that it is its own child that listens, and watches over it.'

const clock = () => performance.now()

function bare(program, newAddress, tells) {
  const ready = (child, port) => (tells ? whenTold(child) : whenAccepting(child, port))
  return async () => {
    const port = await newAddress()
    const began = clock()
    const first = bareSpawn(program, port, tells)
    await ready(first, port)
    const start = clock() - began
    const again = once(first, 'exit').then(() => {
      clear(port)
      return bareSpawn(program, port, tells)
    })
    const crashed = clock()
    process.kill(first.pid, 'SIGKILL')
    const second = await again
    await ready(second, port)
    const crash = clock() - crashed
    await end(second)
    clear(port)
    return { start, crash }
  }
}

function spun(spinner, program, listen, label) {
  let count = 0
  return async () => {
    const name = `${label}-${count++}`
    const began = clock()
    const child = spinner.start({ name, ...program, listen })
    await child
    const start = clock() - began
    const again = new Promise((resolve, reject) => {
      child.once('restarted', resolve)
      child.once('faulted', reject)
    })
    const crashed = clock()
    process.kill(child.pid, 'SIGKILL')
    await again
    const crash = clock() - crashed
    await child.stop()
    return { start, crash }
  }
}

/** Address makers of the bare methods, by transport; outside the measured time. */
function transports() {
  const folder = newFolder()
  let count = 0
  return [
    { transport: 'unix', listen: 'socket', newAddress: () => path.join(folder, `${count++}.sock`) },
    { transport: 'tcp', listen: 'port', newAddress: freePort },
  ]
}

export async function measure({ rounds }) {
  const spinner = createSpinner({ logger: null, stdout: null, stderr: null })
  const starts = []
  const crashes = []
  const programs = { node: children.node, C: compile(newFolder()) }
  for (const [kind, program] of Object.entries(programs)) {
    for (const { transport, listen, newAddress } of transports()) {
      const label = `${kind}, ${transport}`
      if (program.missing) {
        starts.push([label, '', program.missing])
        crashes.push([label, '', program.missing])
        continue
      }
      const methods = [
        { name: LIMIT, sample: bare(program, newAddress, true) },
        { name: 'bare spawn, connect every 1 ms', sample: bare(program, newAddress, false) },
        { name: 'spinner', sample: spun(spinner, program, listen, label), targets: TARGETS[kind] },
      ]
      await interleave(`start: ${label}, warming up`, methods, 2)
      const results = await interleave(`start: ${label}`, methods, kind === 'C' ? rounds * 3 : rounds * 2)
      starts.push(...rowsOf(label, 'start', methods, results))
      crashes.push(...rowsOf(label, 'crash', methods, results))
    }
  }
  await spinner.close()
  return [
    { title: 'Start to ready', note: NOTE, columns: COLUMNS, rows: starts },
    { title: 'Crash to ready again', columns: COLUMNS, rows: crashes },
  ]
}
