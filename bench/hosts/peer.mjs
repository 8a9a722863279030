// One other supervisor in a separate process: node peer.mjs NAME. Measures a start, a restart after a crash, and the
// duties of the peer.
import { answer } from '../measuring/answer.mjs'

const [name, settings] = process.argv.slice(2)
const { open } = await import(`../peers/${name}.mjs`)
const peer = await open(settings ? JSON.parse(settings) : {})
let count = 0

async function startAndCrash(program, address) {
  const child = `child-${count++}`
  const began = performance.now()
  await peer.start(child, program, address)
  const start = performance.now() - began
  const pid = await peer.pidOf(child)
  const again = peer.again(child, address, pid)
  const crashed = performance.now()
  process.kill(pid, 'SIGKILL')
  await again
  const crash = performance.now() - crashed
  await peer.stop(child)
  return { start, crash }
}

answer({ startAndCrash, ...peer.duties }, { close: () => peer.close() })
