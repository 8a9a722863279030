import { rmSync, writeFileSync } from 'node:fs'
import type { Child, ChildState } from '../../src/index.ts'
import type { Rng } from './fault.ts'
import { pause } from './processes.ts'
import { codeOf, inTime, mustHold, spawned, until, type World } from './world.ts'

/** The state and the counters that the child must have at the end. */
export interface Expected {
  readonly state: ChildState
  readonly restarts: number
  readonly crashes: number
}

/** A child whose process is about to be ended from outside. */
export interface Scene {
  readonly world: World
  readonly child: Child
  readonly rng: Rng
  readonly attempts: number
  readonly maxRestarts: number
  /** Events that the child has emitted. */
  readonly events: string[]
  /** Path of a file. The process binds only while the file exists. */
  readonly go: string
  /** Error code of the first start; `null` if it succeeded. */
  readonly outcome: Promise<string | null>
  /** Ends the process of the child. */
  readonly endProcess: () => void
}

/** A phase in which the process is ended, and what the phase needs. */
export interface Phase {
  /** The process must not bind before the file `go` exists. */
  readonly bindsLater?: boolean
  readonly ignoresTerm?: boolean
  act(scene: Scene): Promise<Expected>
}

const FAULTED: Expected = { state: 'faulted', restarts: 0, crashes: 0 }
const STARTED: Expected = { state: 'started', restarts: 0, crashes: 0 }
const STOPPED: Expected = { state: 'stopped', restarts: 0, crashes: 0 }
const RESTARTED: Expected = { state: 'started', restarts: 1, crashes: 0 }

const letBind = ({ go }: Scene): void => writeFileSync(go, '')
const isGone = ({ world }: Scene, pid: number | null): boolean =>
  pid !== null && !spawned(world).includes(pid)

/** Ends a process that has not bound yet, so that it is never ready. Returns whether another attempt follows. */
async function endUnready(scene: Scene, before: number | null): Promise<boolean> {
  const { attempts, child, rng, endProcess } = scene
  await until(() => child.pid !== null && child.pid !== before, 'the spawn')
  const { pid } = child
  await pause(rng.int(0, 5))
  endProcess()
  await until(() => isGone(scene, pid), 'the exit of the process')
  letBind(scene)
  return attempts > 1
}

const afterCrash = ({ maxRestarts }: Scene): Expected =>
  maxRestarts === 0 ? { ...FAULTED, crashes: 1 } : { ...RESTARTED, crashes: 1 }

const settled = async ({ child }: Scene, ended: number | null): Promise<void> =>
  until(
    () => child.state === 'faulted' || (child.state === 'started' && child.pid !== ended),
    'another start, or the last attempt',
  )

/** The phases in which a process can be ended, and the result that each must have. */
export const PHASES: Readonly<Record<string, Phase>> = {
  'before it is ready': {
    bindsLater: true,
    async act(scene) {
      const again = await endUnready(scene, null)
      const code = await scene.outcome
      mustHold(code === (again ? null : 'ERR_SPINNER_EXITED'), `the start ended with ${code}`)
      return again ? STARTED : FAULTED
    },
  },
  'when it is just ready': {
    async act(scene) {
      const { attempts, child, events, rng, endProcess } = scene
      const announced = new Promise<void>((resolve) => child.once('started', () => resolve()))
      await until(() => child.pid !== null, 'the spawn')
      if (rng.random() < 0.5) await pause(rng.int(0, 3))
      else await inTime(announced, 'the event `started`')
      const ended = child.pid
      endProcess()
      await settled(scene, ended)
      const started = events.indexOf('started')
      if (started >= 0 && started < events.indexOf('exit')) return afterCrash(scene)
      return attempts > 1 ? STARTED : FAULTED
    },
  },
  'while it is started': {
    async act(scene) {
      const { child, rng, outcome, endProcess } = scene
      await outcome
      await pause(rng.int(0, 5))
      const ended = child.pid
      endProcess()
      await settled(scene, ended)
      return afterCrash(scene)
    },
  },
  'while it is drained': {
    async act(scene) {
      const { child, rng, outcome, endProcess, world } = scene
      await outcome
      const drain = async (): Promise<void> => {
        await pause(rng.int(0, 3))
        endProcess()
        // The hook never settles: spinner must not wait for it once the process has exited.
        await new Promise(() => {})
      }
      const done = world.spinner.use({ name: 'never drains', drain })
      const restarts = rng.random() < 0.5
      await inTime<unknown>(restarts ? child.restart() : child.stop(), 'the restart or the stop')
      done()
      return restarts ? RESTARTED : STOPPED
    },
  },
  'while it is stopping': {
    ignoresTerm: true,
    async act({ child, rng, outcome, endProcess }) {
      await outcome
      const gone = child.stop()
      await pause(rng.int(0, 3))
      endProcess()
      await inTime(gone, 'stop()')
      return STOPPED
    },
  },
  'while a restart ends it': {
    ignoresTerm: true,
    async act({ child, rng, outcome, endProcess }) {
      await outcome
      const back = child.restart()
      await pause(rng.int(0, 3))
      endProcess()
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
      const again = await endUnready(scene, before)
      const code = await inTime(back, 'restart()')
      mustHold(code === (again ? null : 'ERR_SPINNER_EXITED'), `restart() ended with ${code}`)
      return again ? RESTARTED : { ...FAULTED, restarts: 1 }
    },
  },
}
