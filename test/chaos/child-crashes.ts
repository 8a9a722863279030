import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Child } from '../../src/index.ts'
import { type Expected, PHASES, type Phase } from './crash-phases.ts'
import type { Fault, Rng } from './fault.ts'
import { listener } from './listener.ts'
import { codeOf, inTime, inWorld, mustHold, spawned, type World } from './world.ts'

/** Ends the process of a child once in a random way, in a random phase. */
async function crash(rng: Rng, world: World): Promise<void> {
  const name = rng.pick(Object.keys(PHASES))
  const phase = PHASES[name] as Phase
  const signal = rng.pick(['SIGKILL', 'SIGSEGV', 'SIGUSR2'] as const)
  const code = rng.int(0, 255)
  const [attempts, maxRestarts] = [rng.int(1, 2), rng.int(0, 1)]
  const go = path.join(world.folder, 'go')
  if (!phase.bindsLater) writeFileSync(go, '')
  const env = { GO: go, EXIT_CODE: code, ...(phase.ignoresTerm ? { IGNORES_TERM: 'yes' as const } : {}) }
  const child = world.spinner.start({ name: 'struck', ...listener(env), attempts, maxRestarts })
  const events: string[] = []
  for (const event of ['started', 'restarted', 'exit'] as const)
    child.on(event, () => void events.push(event))
  const endProcess = (): void => void (child.pid !== null && process.kill(child.pid, signal))
  const outcome = inTime(codeOf(child), 'the start')
  const expected = await phase.act({
    ...{ world, child, rng, attempts, maxRestarts },
    ...{ events, go, outcome, endProcess },
  })
  const what = `ended by ${signal} (code ${code}) ${name}, attempts ${attempts}, maxRestarts ${maxRestarts}`
  await mustBe(child, expected, `${what}: the events were ${events.join(', ')}`, world)
  const { lastExit } = child.info()
  // Before the process handles SIGUSR2, the signal itself ends it.
  const exits = signal === 'SIGUSR2' ? [code, 'SIGUSR2'] : [signal]
  mustHold(exits.includes(lastExit?.signal ?? lastExit?.code ?? ''), `${what}: ${JSON.stringify(lastExit)}`)
  await end(child, world)
}

async function mustBe(child: Child, expected: Expected, what: string, world: World): Promise<void> {
  const { state, restarts, crashes } = child.info()
  const seen = JSON.stringify({ state, restarts, crashes })
  mustHold(seen === JSON.stringify(expected), `${what}: ${seen} instead of ${JSON.stringify(expected)}`)
  const alive = spawned(world).join(', ')
  const wanted = state === 'started' ? String(child.pid) : ''
  mustHold(alive === wanted, `${what}: ${state}, and '${alive}' is alive instead of '${wanted}'`)
  if (state !== 'faulted') return
  const code = await codeOf(world.spinner.start({ name: child.name }))
  mustHold(code === 'ERR_SPINNER_FAULTED', `${what}: a start of the faulted child ended with ${code}`)
}

/** Stops the child, and kills its processes because some ignore SIGTERM. */
async function end(child: Child, world: World): Promise<void> {
  const gone = child.stop()
  for (const pid of spawned(world)) process.kill(pid, 'SIGKILL')
  await inTime(gone, 'stop()')
}

/** Faults of children that end without a call. */
export const crashFaults: readonly Fault[] = [
  {
    name: 'a child is ended by a signal or ends itself, at any moment',
    times: 1_000,
    short: 5,
    atOnce: 2,
    inject: (rng) => inWorld((world) => crash(rng, world)),
  },
]
