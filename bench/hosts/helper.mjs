// Small process that spawns for a large one. spinner has no such helper; this measures the gain of one.
import { answer } from '../measuring/answer.mjs'
import { bareSpawn, whenTold } from '../measuring/bare.mjs'
import { end } from '../measuring/living.mjs'

let child = null

async function start(program, address) {
  child = bareSpawn(program, address, true)
  await whenTold(child)
}

answer({ start, stop: () => end(child) })
