import { rmSync, writeFileSync } from 'node:fs'
import type { Child, ChildState } from '../../src/index.ts'
import type { Luck } from './fault.ts'
import { pause } from './processes.ts'
import { codeOf, inTime, mustHold, spawned, until, type World } from './world.ts'

/** What must be true of the child in the end. */
export interface Expected {
  readonly state: ChildState
  readonly restarts: number
  readonly crashes: number
}

/** A child that is about to be ended by somebody else. */
export interface Scene {
  readonly world: World
  readonly child: Child
  readonly luck: Luck
  readonly attempts: number
  readonly maxRestarts: number
  /** What it has announced. */
  readonly events: string[]
  /** While this file is there, it binds. */
  readonly go: string
  /** How its first start ended. */
  readonly outcome: Promise<string | null>
  /** Ends its process. */
  readonly strike: () => void
}

/** One of the moments, and what it needs. */
export interface Phase {
  /** It may not bind before it is told to. */
  readonly heldBack?: boolean
  readonly ignoresTerm?: boolean
  act(scene: Scene): Promise<Expected>
}

const FAULTED: Expected = { state: 'faulted', restarts: 0, crashes: 0 }
const STARTED: Expected = { state: 'started', restarts: 0, crashes: 0 }
const STOPPED: Expected = { state: 'stopped', restarts: 0, crashes: 0 }
const RESTARTED: Expected = { state: 'started', restarts: 1, crashes: 0 }

const letGo = ({ go }: Scene): void => writeFileSync(go, '')
const dead = ({ world }: Scene, pid: number | null): boolean => pid !== null && !spawned(world).includes(pid)

/** Strikes at a process that has not bound yet; nobody may find it ready. */
async function strikeUnready(scene: Scene, before: number | null): Promise<boolean> {
  const { attempts, child, luck, strike } = scene
  await until(() => child.pid !== null && child.pid !== before, 'the spawn')
  const { pid } = child
  await pause(luck.int(0, 5))
  strike()
  await until(() => dead(scene, pid), 'the end of the process')
  letGo(scene)
  return attempts > 1
}

const afterCrash = ({ maxRestarts }: Scene): Expected =>
  maxRestarts === 0 ? { ...FAULTED, crashes: 1 } : { ...RESTARTED, crashes: 1 }

const settled = async ({ child }: Scene, struck: number | null): Promise<void> =>
  until(
    () => child.state === 'faulted' || (child.state === 'started' && child.pid !== struck),
    'another start, or the end of all attempts',
  )

/** The moments of a life at which a process may be ended, and what must come of it. */
export const PHASES: Readonly<Record<string, Phase>> = {
  'before it is ready': {
    heldBack: true,
    async act(scene) {
      const again = await strikeUnready(scene, null)
      const code = await scene.outcome
      mustHold(code === (again ? null : 'ERR_SPINNER_EXITED'), `its start ended with ${code}`)
      return again ? STARTED : FAULTED
    },
  },
  'when it is just ready': {
    async act(scene) {
      const { attempts, child, events, luck, strike } = scene
      const announced = new Promise<void>((resolve) => child.once('started', () => resolve()))
      await until(() => child.pid !== null, 'the spawn')
      if (luck.random() < 0.5) await pause(luck.int(0, 3))
      else await inTime(announced, 'what announces that it is ready')
      const struck = child.pid
      strike()
      await settled(scene, struck)
      const started = events.indexOf('started')
      if (started >= 0 && started < events.indexOf('exit')) return afterCrash(scene)
      return attempts > 1 ? STARTED : FAULTED
    },
  },
  'while it is started': {
    async act(scene) {
      const { child, luck, outcome, strike } = scene
      await outcome
      await pause(luck.int(0, 5))
      const struck = child.pid
      strike()
      await settled(scene, struck)
      return afterCrash(scene)
    },
  },
  'while it is drained': {
    async act(scene) {
      const { child, luck, outcome, strike, world } = scene
      await outcome
      const drain = async (): Promise<void> => {
        await pause(luck.int(0, 3))
        strike()
        // What is still drained then waits for nobody.
        await new Promise(() => {})
      }
      const done = world.spinner.use({ name: 'holds on', drain })
      const restarts = luck.random() < 0.5
      await inTime<unknown>(restarts ? child.restart() : child.stop(), 'what drains it')
      done()
      return restarts ? RESTARTED : STOPPED
    },
  },
  'while it is stopping': {
    ignoresTerm: true,
    async act({ child, luck, outcome, strike }) {
      await outcome
      const gone = child.stop()
      await pause(luck.int(0, 3))
      strike()
      await inTime(gone, 'stop()')
      return STOPPED
    },
  },
  'while a restart ends it': {
    ignoresTerm: true,
    async act({ child, luck, outcome, strike }) {
      await outcome
      const back = child.restart()
      await pause(luck.int(0, 3))
      strike()
      await inTime(back, 'restart()')
      return RESTARTED
    },
  },
  'while a restart brings it up': {
    async act(scene) {
      const { child, go, outcome } = scene
      await outcome
      rmSync(go)
      const before = child.pid
      const back = codeOf(child.restart())
      const again = await strikeUnready(scene, before)
      const code = await inTime(back, 'restart()')
      mustHold(code === (again ? null : 'ERR_SPINNER_EXITED'), `restart() ended with ${code}`)
      return again ? RESTARTED : { ...FAULTED, restarts: 1 }
    },
  },
}
