import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { SocketHandover } from '../../src/address/handover.ts'
import { deferred } from '../../src/promises.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { failureOf, lives, sleeper, type Watched, watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { get, newFolder, newSpinner, next, until } from '../support/host.ts'
import { askingDuring, heldBack, type Stage, serving, socketsOf } from '../support/start-first.ts'

const errno = (code: string): Error => Object.assign(new Error(`${code}: refused`), { code })
const sysWithFiles = (changes: object): Sys => sysWith({ fs: { ...realSys.fs, ...changes } as Sys['fs'] })

/** The outside world, in which some processes survive every signal. */
function withImmortals(): Watched & { immortals: Set<number> } {
  const immortals = new Set<number>()
  const kill: Sys['kill'] = (target, signal) => {
    if (signal === 0 || !immortals.has(Math.abs(target))) realSys.kill(target, signal)
  }
  return { ...watched({ kill }), immortals }
}

/** Lets time pass until a wait has ended; gives what it ended with. */
async function passing({ clock }: Watched, wait: PromiseLike<unknown>): Promise<Error | null> {
  let ended: Error | null | undefined
  void failureOf(wait).then((failure) => {
    ended = failure
  })
  await until(async () => {
    await clock.advance(0.5)
    return ended !== undefined
  }, 'the end of a wait')
  return ended as Error | null
}

/** Ends the process that answers, while plugins are told of it. */
async function endNewest(stage: Stage): Promise<number> {
  const { pid } = await stage.ask()
  const ended = next(stage.child, 'exit')
  await failureOf(stage.ask('/crash'))
  await ended
  return pid
}

describe('a socket that cannot be renamed', () => {
  test('leaves the old process, and nothing else', async () => {
    let refuses = false
    const rename = (from: string, to: string): void => {
      if (refuses) throw errno('EACCES')
      renameSync(from, to)
    }
    const stage = await serving({}, sysWithFiles({ renameSync: rename }))
    const old = await stage.ask()
    refuses = true
    expect(await failureOf(stage.child.restart())).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
    expect((await stage.ask()).pid).toBe(old.pid)
    expect(socketsOf(stage)).toEqual([path.basename(stage.child.address as string)])
  })

  test('by a second name takes the place of the old one all the same, and gives it back', async () => {
    const linkSync = (): void => {
      throw errno('EPERM')
    }
    const stage = await serving({}, sysWithFiles({ linkSync }))
    const old = await stage.ask()
    const leave = stage.spinner.use({ name: 'unlucky', ready: () => endNewest(stage) })
    expect(await failureOf(stage.child.restart())).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
    expect((await stage.ask()).pid).toBe(old.pid)
    leave()
    await stage.child.restart()
    expect((await stage.ask()).pid).not.toBe(old.pid)
    expect(socketsOf(stage)).toHaveLength(1)
  })

  test('back to the old process is not pretended to lead there: the child is restarted as a whole', async () => {
    const rename = (from: string, to: string): void => {
      if (from.endsWith('.f.sock')) throw errno('EIO')
      renameSync(from, to)
    }
    const stage = await serving({}, sysWithFiles({ renameSync: rename }))
    const old = await stage.ask()
    let ended = 0
    const ready = async (): Promise<void> => {
      ended ||= await endNewest(stage)
    }
    const leave = stage.spinner.use({ name: 'unlucky', ready })
    await stage.child.restart()
    expect((await stage.ask()).pid).toBe(stage.child.pid)
    expect([old.pid, ended].map(lives)).toEqual([false, false])
    expect(socketsOf(stage)).toHaveLength(1)
    leave()
  })
})

describe('while plugins are told of the new process', () => {
  test('a stop and a start forget the old one: the next restart does not lead to its socket', async () => {
    const stage = await serving()
    const held = deferred<void>()
    const introduced = deferred<void>()
    const leave = stage.spinner.use({
      name: 'slow',
      ready: () => {
        introduced.resolve()
        return held.promise
      },
    })
    const restart = failureOf(stage.child.restart())
    await introduced.promise
    const stopped = stage.child.stop()
    stage.spinner.start('app')
    held.resolve()
    await Promise.all([restart, stopped, stage.child])
    leave()
    const { failed } = await askingDuring(stage, () => stage.child.restart())
    expect(failed).toEqual([])
    expect(socketsOf(stage)).toHaveLength(1)
  })

  test('it is the one that the child shows, and its failure gives the old one back', async () => {
    const stage = await serving()
    const old = stage.child.info()
    const shown: (number | null)[] = []
    const ready = async (): Promise<void> => {
      shown.push(stage.child.pid, (await stage.ask()).pid)
      await endNewest(stage)
    }
    const leave = stage.spinner.use({ name: 'unlucky', ready })
    expect(await failureOf(stage.child.restart())).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
    leave()
    expect(shown[0]).not.toBe(old.pid)
    expect(shown[1]).toBe(shown[0])
    const { pid, readyAt, restarts, startedAt } = stage.child.info()
    expect({ pid, readyAt, restarts, startedAt }).toEqual({
      pid: old.pid,
      readyAt: old.readyAt,
      restarts: 0,
      startedAt: old.startedAt,
    })
    expect((await stage.ask()).pid).toBe(old.pid)
  })

  test('the end of the old one is no crash, and costs no request', async () => {
    const stage = await serving()
    const old = await stage.ask()
    let young = 0
    const ready = async (): Promise<void> => {
      process.kill(old.pid, 'SIGKILL')
      const { failed } = await askingDuring(stage, () => next(stage.child, 'exit'))
      expect(failed).toEqual([])
      young = (await stage.ask()).pid
    }
    const leave = stage.spinner.use({ name: 'unlucky', ready })
    await stage.child.restart()
    expect((await stage.ask()).pid).toBe(young)
    expect(stage.child.info().crashes).toBe(0)
    leave()
  })

  test('a change waits until it has taken its place', async () => {
    const stage = await serving()
    stage.spinner.start({ ...stage.options, monitor: stage.source })
    await stage.child.restart()
    const witness = newSpinner().start({ ...sleeper('witness'), monitor: stage.source })
    await witness
    let introductions = 0
    let drains = 0
    const ready = async (): Promise<void> => {
      if (introductions++ > 0) return
      writeFileSync(stage.source, 'three')
      await until(() => witness.info().restarts === 2, 'the second change')
    }
    const leave = stage.spinner.use({ name: 'slow', ready, drain: () => void drains++ })
    const { failed } = await askingDuring(stage, async () => {
      writeFileSync(stage.source, 'two')
      await until(async () => (await stage.ask()).source === 'three', 'the third version')
    })
    expect(failed).toEqual([])
    await until(() => stage.child.state === 'started')
    expect([introductions, drains]).toEqual([2, 2])
    leave()
  })
})

describe('what survives its kill', () => {
  test('when it was replaced is told of, and the stop ends it or says that it lives', async () => {
    const world = withImmortals()
    const stage = await serving({ stopTimeout: 1 }, world.sys)
    const old = await stage.ask()
    world.immortals.add(old.pid)
    expect(await passing(world, stage.child.restart())).toBe(null)
    expect(stage.errors).toMatchObject([{ code: 'ERR_SPINNER_STILL_ALIVE' }])
    expect((await stage.ask()).pid).not.toBe(old.pid)
    const failure = await passing(world, stage.child.stop())
    expect(failure).toMatchObject({
      code: 'ERR_SPINNER_STILL_ALIVE',
      message: expect.stringContaining(`(${old.pid})`),
    })
    world.immortals.clear()
    expect(await passing(world, stage.child.stop())).toBe(null)
    expect(lives(old.pid)).toBe(false)
  })

  test('nothing, where there is less time to end than it takes to be asked', async () => {
    const stage = await serving({ stopTimeout: 0.01 })
    const old = await stage.ask()
    expect(await failureOf(stage.child.restart())).toBeNull()
    expect(lives(old.pid)).toBe(false)
  })

  test('when it was to replace another is not forgotten either', async () => {
    const world = withImmortals()
    const stage = await serving({}, world.sys)
    const old = await stage.ask()
    writeFileSync(stage.source, 'silent')
    const restart = stage.child.restart()
    const young = await until(() => world.pids[1], 'the new process')
    world.immortals.add(young)
    expect(await passing(world, restart)).toMatchObject({ code: 'ERR_SPINNER_STILL_ALIVE' })
    expect((await stage.ask()).pid).toBe(old.pid)
    expect(await passing(world, stage.child.stop())).toMatchObject({ code: 'ERR_SPINNER_STILL_ALIVE' })
    world.immortals.clear()
    expect(await passing(world, stage.child.stop())).toBe(null)
    expect(lives(young)).toBe(false)
  })

  test('when both were stopped keeps the child faulted, and nothing is started beside it', async () => {
    const world = withImmortals()
    const gate = heldBack()
    const stage = await serving({ ready: gate.ready, stopTimeout: 1 }, world.sys)
    const old = await stage.ask()
    gate.close()
    const restart = failureOf(stage.child.restart())
    await gate.pid()
    world.immortals.add(old.pid)
    const told = { code: 'ERR_SPINNER_STILL_ALIVE', message: expect.stringContaining(`(${old.pid})`) }
    expect(await passing(world, stage.child.stop())).toMatchObject(told)
    expect(await restart).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
    expect(await passing(world, stage.child.stop())).toMatchObject(told)
    gate.open()
    expect(await passing(world, stage.child.restart())).toMatchObject(told)
    expect(world.pids).toHaveLength(2)
    world.immortals.clear()
    expect(await passing(world, stage.child.restart())).toBe(null)
    expect(lives(old.pid)).toBe(false)
    expect((await stage.ask()).pid).toBe(world.pids[2])
  })
})

test('a machine that breaks while two live ends both, and a restart brings up one', async () => {
  let broken = false
  const random = (): number => {
    if (!broken) return 0.5
    broken = false
    throw new Error('no dice')
  }
  const world = watched({ random })
  const stage = await serving({ attempts: 2 }, world.sys)
  writeFileSync(stage.source, 'broken')
  broken = true
  expect(await failureOf(stage.child.restart())).toMatchObject({ code: 'ERR_SPINNER_FAULTED' })
  writeFileSync(stage.source, 'mended')
  await stage.child.restart()
  const now = await stage.ask()
  expect(world.pids.filter(lives)).toEqual([now.pid])
  expect(stage.child.info()).toMatchObject({ pid: now.pid, state: 'started' })
})

describe('options that are given while a new process comes up', () => {
  test('and that forbid two at once end the old one first', async () => {
    const world = watched()
    const stage = await serving({ attempts: 2 }, world.sys)
    const old = await stage.ask()
    writeFileSync(stage.source, 'broken')
    const failed = next(stage.child, 'exit')
    const restart = stage.child.restart()
    await failed
    writeFileSync(stage.source, 'two')
    stage.spinner.start({ ...stage.options, restartOrder: 'stop-first', listen: 'port' })
    expect(await passing(world, restart)).toBe(null)
    expect(await stage.ask()).toMatchObject({ source: 'two', port: String(stage.child.address) })
    expect(lives(old.pid)).toBe(false)
    expect(socketsOf(stage)).toEqual([])
  })

  test('do not count for the old one when it stays', async () => {
    const stage = await serving()
    writeFileSync(stage.source, 'broken')
    stage.spinner.start({ ...stage.options, maxRestarts: 0 })
    await failureOf(stage.child.restart())
    writeFileSync(stage.source, 'mended')
    const moved = Promise.race([next(stage.child, 'restarted'), next(stage.child, 'faulted')])
    await failureOf(stage.ask('/crash'))
    await moved
    expect((await stage.ask()).source).toBe('mended')
  })
})

describe('a new process', () => {
  test('is not ready by what the old one writes, and its `ready` meets it', async () => {
    const told: (number | null)[] = []
    const script = `require('http').createServer((_, r) => r.end(String(process.pid), () => console.log('up'))).listen(process.env.PORT)`
    const stage = await serving({
      args: ['-e', `console.log('up'); ${script}`],
      ready: (child) => void told.push(child.pid),
    })
    const old = Number(await get(stage.child.target))
    const late = `setTimeout(() => { ${script} }, 100)`
    stage.spinner.start({ ...stage.options, args: ['-e', late], ready: { output: /up/ }, timeout: 1 })
    const restart = failureOf(stage.child.restart())
    expect(await get(stage.child.target)).toBe(String(old))
    expect(await restart).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
    expect(await get(stage.child.target)).toBe(String(old))
    stage.spinner.start({ ...stage.options })
    await stage.child.restart()
    expect(told).toEqual([old, stage.child.pid])
  })

  test('that ends by itself while the old one is drained is not brought back where `restart` says so', async () => {
    const stage = await serving({ restart: 'never' })
    const leave = stage.spinner.use({ name: 'slow', drain: () => endNewest(stage) })
    const stopped = next(stage.child, 'stopped')
    expect(await failureOf(stage.child.restart())).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
    await stopped
    expect(stage.child.state).toBe('stopped')
    leave()
  })

  test('that is begun anew by each change is one restart, or none when it fails', async () => {
    const gate = heldBack()
    const stage = await serving({ ready: gate.ready })
    stage.spinner.start({ ...stage.options, monitor: stage.source })
    await stage.child.restart()
    gate.close()
    writeFileSync(stage.source, 'two')
    const young = await gate.pid()
    writeFileSync(stage.source, 'broken')
    await next(stage.child, 'error')
    expect(lives(young)).toBe(false)
    expect(stage.child.info().restarts).toBe(1)
    gate.open()
  })
})

describe('the paths beside a socket', () => {
  test('are never that of the process that serves, and those of a dead host are removed', async () => {
    const socket = path.join(newFolder(), 'a.sock')
    const listen = (where: string): Promise<net.Server> =>
      new Promise((resolve) => {
        const server = net.createServer().listen(where, () => resolve(server))
      })
    mkdirSync(path.dirname(socket), { recursive: true })
    const left = await listen(path.join(path.dirname(socket), 'a.7.sock'))
    const handover = new SocketHandover(realSys, socket)
    expect(socketsOf({ folder: path.dirname(socket) })).toEqual([])
    const first = handover.nextPath()
    const server = await listen(first)
    handover.promote(false)
    const paths = Array.from({ length: 20 }, () => handover.nextPath())
    expect(paths).not.toContain(first)
    expect(new Set(paths).size).toBe(9)
    handover.close()
    server.close()
    left.close()
  })
})
