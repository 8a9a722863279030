import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Child } from '../../src/index.ts'
import { type Expected, PHASES, type Phase } from './crash-phases.ts'
import type { Fault, Luck } from './fault.ts'
import { listener } from './listener.ts'
import { codeOf, inTime, inWorld, mustHold, spawned, type World } from './world.ts'

/** Ends a child once in a random way, in a random phase of its life. */
async function crash(luck: Luck, world: World): Promise<void> {
  const name = luck.pick(Object.keys(PHASES))
  const phase = PHASES[name] as Phase
  const signal = luck.pick(['SIGKILL', 'SIGSEGV', 'SIGUSR2'] as const)
  const code = luck.int(0, 255)
  const [attempts, maxRestarts] = [luck.int(1, 2), luck.int(0, 1)]
  const go = path.join(world.folder, 'go')
  if (!phase.heldBack) writeFileSync(go, '')
  const told = { GO: go, EXIT_CODE: code, ...(phase.ignoresTerm ? { IGNORES_TERM: 'yes' as const } : {}) }
  const child = world.spinner.start({ name: 'struck', ...listener(told), attempts, maxRestarts })
  const events: string[] = []
  for (const event of ['started', 'restarted', 'exit'] as const)
    child.on(event, () => void events.push(event))
  const strike = (): void => void (child.pid !== null && process.kill(child.pid, signal))
  const outcome = inTime(codeOf(child), 'the start')
  const expected = await phase.act({
    ...{ world, child, luck, attempts, maxRestarts },
    ...{ events, go, outcome, strike },
  })
  const what = `ended by ${signal} (code ${code}) ${name}, attempts ${attempts}, maxRestarts ${maxRestarts}`
  await mustBe(child, expected, `${what}: it announced ${events.join(', ')}`, world)
  const { lastExit } = child.info()
  // Where it has not begun to listen to SIGUSR2 yet, it is ended by that.
  const exits = signal === 'SIGUSR2' ? [code, 'SIGUSR2'] : [signal]
  mustHold(exits.includes(lastExit?.signal ?? lastExit?.code ?? ''), `${what}: ${JSON.stringify(lastExit)}`)
  await end(child, world)
}

async function mustBe(child: Child, expected: Expected, what: string, world: World): Promise<void> {
  const { state, restarts, crashes } = child.info()
  const seen = JSON.stringify({ state, restarts, crashes })
  mustHold(seen === JSON.stringify(expected), `${what}: ${seen} instead of ${JSON.stringify(expected)}`)
  const lives = spawned(world).join(', ')
  const mayLive = state === 'started' ? String(child.pid) : ''
  mustHold(lives === mayLive, `${what}: ${state}, and '${lives}' lives instead of '${mayLive}'`)
  if (state !== 'faulted') return
  const code = await codeOf(world.spinner.start({ name: child.name }))
  mustHold(code === 'ERR_SPINNER_FAULTED', `${what}: a start of the faulted child ended with ${code}`)
}

/** One that ignores the signal is not waited for. */
async function end(child: Child, world: World): Promise<void> {
  const gone = child.stop()
  for (const pid of spawned(world)) process.kill(pid, 'SIGKILL')
  await inTime(gone, 'stop()')
}

/** Children that are ended from outside. */
export const crashFaults: readonly Fault[] = [
  {
    name: 'a child is ended by a signal or ends itself, at any moment',
    times: 1_000,
    short: 5,
    atOnce: 2,
    inject: (luck) => inWorld((world) => crash(luck, world)),
  },
]
