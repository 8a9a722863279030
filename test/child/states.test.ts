import { writeFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { deferred } from '../../src/promises.ts'
import { realSys } from '../../src/sys.ts'
import { endPuppets, failureOf, type Puppet, puppet, ready, startedPuppet } from '../support/children.ts'
import { isAlive, newSpinner, next, until } from '../support/host.ts'

afterEach(endPuppets)

const STOPPED = { code: 'ERR_SPINNER_STOPPED' }
const FAULTED = { code: 'ERR_SPINNER_FAULTED' }

/** Lets the stop timeout pass, so that a puppet is killed. */
const endStop = (it: Puppet): Promise<void> => it.clock.advance(31)

/** Changes the monitored file and lets the debounce pass, as often as it takes until `seen`. */
async function change(it: Puppet, seen: () => boolean): Promise<void> {
  writeFileSync(it.file, 'as it is now')
  await until(async () => {
    await it.clock.advance(0.2)
    return seen()
  }, 'the restart by a change')
}

/** Changes the file and resolves when another child that monitors it has been restarted for that. */
async function changeForAll(it: Puppet): Promise<void> {
  const witness = newSpinner().start({
    name: 'w',
    command: 'sleep',
    args: ['9'],
    listen: null,
    monitor: it.file,
  })
  await witness
  const restarted = next(witness, 'restarted')
  writeFileSync(it.file, 'as it is now')
  await restarted
  await it.clock.advance(0.2)
}

async function stopped(): Promise<{ it: Puppet }> {
  const { it } = await startedPuppet()
  const stop = it.child.stop()
  await endStop(it)
  await stop
  return { it }
}

async function stopping(): Promise<{ it: Puppet; stop: Promise<void> }> {
  const { it } = await startedPuppet()
  const stop = it.child.stop()
  expect(it.child.state).toBe('stopping')
  return { it, stop }
}

async function restarting(): Promise<{ it: Puppet; restart: Promise<unknown> }> {
  const { it } = await startedPuppet()
  const restart = it.child.restart()
  restart.catch(() => {})
  expect(it.child.state).toBe('restart')
  return { it, restart }
}

async function faulted(): Promise<{ it: Puppet }> {
  const it = puppet()
  await it.up()
  it.opened.reject(new Error('not today'))
  await failureOf(it.wait)
  expect(it.child.state).toBe('faulted')
  await until(() => it.child.pid === null)
  it.opened = deferred<void>()
  it.opened.resolve()
  return { it }
}

describe('stopped', () => {
  test('a start starts it', async () => {
    const { it } = await stopped()
    await it.spinner.start('puppet')
    expect(it.child.state).toBe('started')
    expect(it.pids).toHaveLength(2)
  })

  test('a stop is done at once', async () => {
    const { it } = await stopped()
    const before = it.states.length
    await it.spinner.stop('puppet')
    expect(it.states).toHaveLength(before)
  })

  test('its exit came before it was stopped, and none comes later', async () => {
    const { it } = await startedPuppet()
    const seen: string[] = []
    it.child.on('exit', () => void seen.push('exit'))
    it.child.on('stopped', () => void seen.push('stopped'))
    const stop = it.child.stop()
    await endStop(it)
    await stop
    await until(() => seen.length === 2)
    expect(seen).toEqual(['exit', 'stopped'])
    expect(it.child.info().lastExit).toMatchObject({ code: null, signal: 'SIGKILL' })
  })

  test('a file change is not watched for', async () => {
    const { it } = await stopped()
    await changeForAll(it)
    expect(it.child.state).toBe('stopped')
    expect(it.pids).toHaveLength(1)
    expect(it.clock.waiting).toBe(0)
  })
})

describe('starting', () => {
  test('a start joins', async () => {
    const it = puppet({ listen: 'port' })
    await it.up()
    const second = ready(it.spinner.start('puppet'))
    const third = ready(it.spinner.start(it.options))
    it.opened.resolve()
    expect(await second).toBe(await it.wait)
    expect(await third).toBe(await it.wait)
    expect(it.pids).toHaveLength(1)
  })

  test('H14 a stop rejects the starters with _STOPPED and ends the process', async () => {
    const it = puppet()
    await it.up()
    const stop = it.child.stop()
    await expect(it.wait).rejects.toMatchObject(STOPPED)
    expect(it.child.state).toBe('stopping')
    await endStop(it)
    await stop
    expect(it.child.state).toBe('stopped')
    expect(it.states).toEqual(['starting', 'stopping', 'stopped'])
  })

  test('an exit is a failed attempt, and the next one waits for its backoff', async () => {
    const it = puppet({ attempts: 2 }, { random: () => 0.5 })
    await it.up()
    process.kill(it.pids[0] as number, 'SIGKILL')
    await until(() => it.child.pid === null && it.clock.waiting > 1)
    expect(it.child.state).toBe('starting')
    expect(it.pids).toHaveLength(1)
    await it.clock.advance(0.2)
    await it.up()
    it.opened.resolve()
    await it.wait
    expect(it.pids).toHaveLength(2)
  })

  test('H14 a file change restarts it, and its starters get the result of that', async () => {
    const it = puppet()
    await it.up()
    await change(it, () => it.child.state === 'restart')
    await endStop(it)
    await until(() => it.pids.length === 2)
    it.opened.resolve()
    await it.wait
    expect(it.states).toEqual(['starting', 'restart', 'started'])
  })

  test('H14 a restart restarts it', async () => {
    const it = puppet()
    await it.up()
    const restart = it.child.restart()
    expect(it.child.state).toBe('restart')
    await endStop(it)
    it.opened.resolve()
    expect(await restart).toBe(await it.wait)
    expect(it.pids).toHaveLength(2)
  })
})

describe('started', () => {
  test('a start is done and spawns nothing', async () => {
    const { it } = await startedPuppet({ listen: 'port' })
    expect(await it.spinner.start('puppet')).toBe(it.child.address)
    expect(it.pids).toHaveLength(1)
  })

  test('a stop ends it', async () => {
    const { it } = await startedPuppet()
    const stop = it.spinner.stop('puppet')
    await endStop(it)
    await stop
    expect(it.states).toEqual(['starting', 'started', 'stopping', 'stopped'])
    expect(isAlive(it.pids[0] as number)).toBe(false)
  })

  test('an exit is a crash, which restarts it at once', async () => {
    const { it } = await startedPuppet()
    const restarted = next(it.child, 'restarted')
    process.kill(it.pids[0] as number, 'SIGKILL')
    await restarted
    expect(it.pids).toHaveLength(2)
    expect(it.child.info()).toMatchObject({ crashes: 1, restarts: 1, state: 'started', pid: it.pids[1] })
  })

  test('a file change restarts it, which is no crash', async () => {
    const { it } = await startedPuppet()
    const restarted = next(it.child, 'restarted')
    await change(it, () => it.child.state === 'restart')
    await endStop(it)
    await restarted
    expect(it.child.info()).toMatchObject({ crashes: 0, restarts: 1 })
    expect(it.child.info().reason).toContain(it.file)
  })
})

describe('stopping', () => {
  test('H14 a start is queued and runs when the group is gone', async () => {
    const alive: boolean[] = []
    const pids: number[] = []
    const spawn: typeof realSys.spawn = (...call) => {
      alive.push(...pids.map(isAlive))
      const made = realSys.spawn(...call)
      pids.push(made.pid as number)
      return made
    }
    const { it } = await startedPuppet({}, { spawn })
    const stop = it.child.stop()
    const start = ready(it.spinner.start('puppet'))
    expect(it.child.state).toBe('stopping')
    expect(pids).toHaveLength(1)
    await endStop(it)
    await stop
    await start
    expect(alive).toEqual([false])
    expect(it.states).toEqual(['starting', 'started', 'stopping', 'starting', 'started'])
  })

  test('a stop joins', async () => {
    const { it, stop } = await stopping()
    const second = it.spinner.stop('puppet')
    await endStop(it)
    await Promise.all([stop, second])
    expect(it.states.filter((state) => state === 'stopped')).toHaveLength(1)
  })

  test('an exit ends the stop before its time', async () => {
    const { it, stop } = await stopping()
    process.kill(-(it.pids[0] as number), 'SIGKILL')
    await stop
    expect(it.child.state).toBe('stopped')
  })

  test('H14 a file change is dropped', async () => {
    const { it, stop } = await stopping()
    await changeForAll(it)
    expect(it.child.state).toBe('stopping')
    await endStop(it)
    await stop
    expect(it.child.state).toBe('stopped')
    expect(it.pids).toHaveLength(1)
  })

  test('a restart is queued like a start', async () => {
    const { it, stop } = await stopping()
    const restart = it.spinner.restart('puppet')
    expect(it.child.state).toBe('stopping')
    await endStop(it)
    await stop
    await restart
    expect(it.pids).toHaveLength(2)
  })

  test('H14 the last word wins: a stop cancels the start that was queued', async () => {
    const { it, stop } = await stopping()
    const start = ready(it.spinner.start('puppet'))
    const last = it.spinner.stop('puppet')
    await expect(start).rejects.toMatchObject(STOPPED)
    await endStop(it)
    await Promise.all([stop, last])
    expect(it.child.state).toBe('stopped')
    expect(it.pids).toHaveLength(1)
  })
})

describe('restart', () => {
  test('a start joins', async () => {
    const { it, restart } = await restarting()
    const start = ready(it.spinner.start('puppet'))
    await endStop(it)
    expect(await start).toBe(await restart)
    expect(it.pids).toHaveLength(2)
  })

  test('a restart joins', async () => {
    const { it, restart } = await restarting()
    const second = it.spinner.restart('puppet')
    await endStop(it)
    await Promise.all([restart, second])
    expect(it.pids).toHaveLength(2)
  })

  test('a stop ends it and rejects those who waited', async () => {
    const { it, restart } = await restarting()
    const stop = it.spinner.stop('puppet')
    await expect(restart).rejects.toMatchObject(STOPPED)
    await endStop(it)
    await stop
    expect(it.states.slice(2)).toEqual(['restart', 'stopping', 'stopped'])
    expect(it.pids).toHaveLength(1)
  })

  test('an exit lets the new process be spawned before the stop timeout', async () => {
    const { it, restart } = await restarting()
    process.kill(-(it.pids[0] as number), 'SIGKILL')
    await restart
    expect(it.pids).toHaveLength(2)
    expect(it.child.info().crashes).toBe(0)
  })

  test('a file change while the new process comes up restarts once more', async () => {
    const { it, restart } = await restarting()
    it.opened = deferred<void>()
    await endStop(it)
    await until(() => it.pids.length === 2)
    await it.up()
    await change(it, () => it.child.info().reason.includes(it.file))
    await endStop(it)
    await until(() => it.pids.length === 3)
    it.opened.resolve()
    await restart
    expect(it.states.slice(2)).toEqual(['restart', 'started'])
  })
})

describe('faulted', () => {
  test('a start is refused and spawns nothing', async () => {
    const { it } = await faulted()
    await expect(ready(it.spinner.start('puppet'))).rejects.toMatchObject(FAULTED)
    expect(it.pids).toHaveLength(1)
  })

  test('a stop makes it stopped at once', async () => {
    const { it } = await faulted()
    await it.spinner.stop('puppet')
    expect(it.child.state).toBe('stopped')
  })

  test('a restart starts it at once', async () => {
    const { it } = await faulted()
    await it.spinner.restart('puppet')
    expect(it.states.slice(1)).toEqual(['faulted', 'starting', 'started'])
  })

  test('the late exit of a process that outlived its kill changes nothing', async () => {
    let kills = false
    const kill: typeof realSys.kill = (pid, signal) => {
      if (kills || signal !== 'SIGKILL') realSys.kill(pid, signal)
    }
    const { it } = await startedPuppet({}, { kill })
    const stop = it.child.stop()
    await endStop(it)
    await it.clock.advance(6)
    await expect(stop).rejects.toMatchObject({ code: 'ERR_SPINNER_STILL_ALIVE' })
    kills = true
    const exit = next(it.child, 'exit')
    process.kill(-(it.pids[0] as number), 'SIGKILL')
    await exit
    expect(it.child.state).toBe('faulted')
    expect(it.pids).toHaveLength(1)
  })

  test('a file change wakes it', async () => {
    const { it } = await faulted()
    const restarted = next(it.child, 'restarted')
    await change(it, () => it.child.state !== 'faulted')
    await restarted
    expect(it.child.state).toBe('started')
    expect(it.child.info().lastError).toBeNull()
  })
})
