import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { deferred } from '../../src/promises.ts'
import { realSys } from '../../src/sys.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { endPuppets, failureOf, lives, ready, sleeper, startedPuppet, watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, get, newFile, newSpinner, until } from '../support/host.ts'

afterEach(endPuppets)

/** The pid that a child of `leaves-a-grandchild.js` has written. */
const grandchildOf = (spinner: Spinner, name: string): Promise<number> =>
  until(() => Number(spinner.get(name)?.output.at(-1)?.replace('grandchild ', '')), 'the grandchild')

const OUTPUT = { listen: null, ready: { output: /grandchild/ } } as const

test('H15 a thousand concurrent starts of one name are one spawn and a thousand equal results', async () => {
  const { sys, pids } = watched()
  const spinner = newSpinner({}, sys)
  const starts = Array.from({ length: 1_000 }, () => ready(spinner.start(fixture('hello.js'))))
  const addresses = await Promise.all(starts)
  expect(new Set(addresses).size).toBe(1)
  expect(pids).toHaveLength(1)
  expect(await get(spinner.child(fixture('hello.js'))?.target ?? null)).toBe(`hello from ${pids[0]}`)
})

test('a restart of an unknown name is _NOT_FOUND', async () => {
  await expect(newSpinner().restart('nobody')).rejects.toMatchObject({ code: 'ERR_SPINNER_NOT_FOUND' })
})

test('a stop of an unknown name is done', async () => {
  await expect(newSpinner().stop('nobody')).resolves.toBeUndefined()
})

test('a start of nothing but an unknown name is _NOT_FOUND', () => {
  expect(() => newSpinner().start({ name: 'nobody' })).toThrow(
    expect.objectContaining({ code: 'ERR_SPINNER_NOT_FOUND', child: 'nobody' }),
  )
})

test('a start of nothing but a known name uses the options that the child has', async () => {
  const spinner = newSpinner()
  await spinner.start(sleeper('a'))
  await spinner.stop('a')
  await spinner.start({ name: 'a' })
  expect(spinner.get('a')?.options).toMatchObject({ command: 'sleep', args: ['600'], listen: null })
})

test('options of a later start take effect at the next spawn', async () => {
  const spinner = newSpinner()
  await spinner.start(sleeper('a'))
  const { pid } = spinner.child('a') ?? {}
  await spinner.start({ ...sleeper('a'), command: 'sh', args: ['-c', 'echo new; sleep 600'] })
  expect(spinner.child('a')?.pid).toBe(pid)
  await spinner.restart('a')
  await until(() => spinner.get('a')?.output.includes('new'))
  expect(spinner.child('a')?.pid).not.toBe(pid)
})

test('a child that listens only after a while is started only then', async () => {
  const spinner = newSpinner()
  const child = spinner.start(fixture('listens-after-a-while.js'))
  await until(() => child.target !== null)
  await expect(get(child.target)).rejects.toThrow()
  expect(child.state).toBe('starting')
  await child
  expect(await get(child.target)).toBe('late')
})

test('a server that ignores SIGTERM is killed after `stopTimeout`', async () => {
  const { sys, clock } = watched()
  const spinner = newSpinner({ stopTimeout: 7 }, sys)
  const child = spinner.start(fixture('ignores-sigterm.js'))
  await child
  const { pid } = child
  const stop = child.stop()
  await clock.advance(6.9)
  expect(await get(child.target)).toBe('still here')
  await clock.advance(0.2)
  await stop
  expect(child.info().lastExit?.signal).toBe('SIGKILL')
  expect(lives(pid as number)).toBe(false)
})

test.runIf(process.platform === 'linux')(
  'H7 a child that was stopped by SIGSTOP takes its stop signal',
  async () => {
    const { sys } = watched()
    const spinner = newSpinner({}, sys)
    const child = spinner.start(sleeper('frozen'))
    await child
    process.kill(child.pid as number, 'SIGSTOP')
    // Signals that are pending together are taken by number, and SIGTERM comes first.
    await until(() => readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes(') T '))
    await child.stop()
    expect(child.info().lastExit?.signal).toBe('SIGTERM')
  },
)

test('H7 a child that outlives its kill is faulted, nothing is spawned over it, and a later stop ends it', async () => {
  let kills = false
  const kill: typeof realSys.kill = (pid, signal) => {
    if (kills || signal !== 'SIGKILL') realSys.kill(pid, signal)
  }
  const { it } = await startedPuppet({ faultTimeout: 0 }, { kill })
  const pid = it.child.pid as number
  try {
    const stop = it.child.stop()
    await it.clock.advance(36)
    await expect(stop).rejects.toMatchObject({ code: 'ERR_SPINNER_STILL_ALIVE', child: 'puppet' })
    expect(it.child.state).toBe('faulted')
    expect(it.child.info().reason).toContain(String(pid))
    for (const begin of [() => ready(it.spinner.start('puppet')), () => it.spinner.restart('puppet')]) {
      const failure = failureOf(begin())
      await it.clock.advance(6)
      expect(await failure).toMatchObject({ code: 'ERR_SPINNER_STILL_ALIVE' })
    }
    expect(it.pids).toEqual([pid])
  } finally {
    kills = true
  }
  await it.child.stop()
  expect(it.child.state).toBe('stopped')
  expect(lives(pid)).toBe(false)
})

test.each(['no', 'yes'])(
  'H13 a grandchild that holds stdout does not hold up stop() and is gone after it (escaped: %s)',
  async (ESCAPES) => {
    const { sys } = watched()
    const spinner = newSpinner({ ...OUTPUT, env: { ESCAPES } }, sys)
    const child = spinner.start(fixture('leaves-a-grandchild.js'))
    await child
    const grandchild = await grandchildOf(spinner, child.name)
    await child.stop()
    expect(lives(grandchild)).toBe(false)
  },
)

test('a grandchild that ignores the stop signal is gone when stop() resolves', async () => {
  const { sys, clock } = watched()
  const spinner = newSpinner({}, sys)
  const inner = "trap '' TERM; echo grandchild $$; sleep 600"
  const child = spinner.start({
    ...OUTPUT,
    name: 'a',
    command: 'sh',
    args: ['-c', `sh -c "${inner.replace('$$', '\\$\\$')}" & wait`],
  })
  await child
  const grandchild = await grandchildOf(spinner, 'a')
  const stop = child.stop()
  await until(() => child.info().lastExit)
  expect(child.state).toBe('stopping')
  await clock.advance(31)
  await stop
  expect(lives(grandchild)).toBe(false)
})

test('a child may be called __proto__, and a list has no prototype', async () => {
  const spinner = newSpinner()
  await spinner.start(sleeper('__proto__'))
  await spinner.start(sleeper('constructor'))
  const list = spinner.list()
  expect(Object.getPrototypeOf(list)).toBeNull()
  expect(Object.keys(list).sort()).toEqual(['__proto__', 'constructor'])
  expect(
    Object.values(list)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['__proto__', 'constructor'])
  expect(spinner.get('toString')).toBeNull()
  await spinner.stop('__proto__')
  expect(spinner.get('__proto__')?.state).toBe('stopped')
})

test('H15 two hundred starts at once spawn at most one process in a turn of the loop', async () => {
  const perTurn = new Map<number, number>()
  let turn = 0
  const count = (): void => {
    turn++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  onTestFinished(() => clearImmediate(counting))
  const spawn: typeof realSys.spawn = (...call) => {
    perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1)
    return realSys.spawn(...call)
  }
  const spinner = newSpinner({}, sysWith({ spawn }))
  const light = Array.from({ length: 170 }, (_, index) => spinner.start(sleeper(`light-${index}`)))
  const servers = Array.from({ length: 30 }, (_, index) =>
    spinner.start({ name: `${index}`, script: fixture('hello.js') }),
  )
  await Promise.all([...light, ...servers])
  expect(Object.values(spinner.list()).every(({ state }) => state === 'started')).toBe(true)
  expect(perTurn.size).toBe(200)
  expect(new Set(servers.map((child) => child.address)).size).toBe(30)
  await spinner.stopAll()
  expect(Object.values(spinner.list()).every(({ state, pid }) => state === 'stopped' && pid === null)).toBe(
    true,
  )
})

test('close() stops all children, may be called twice, and later calls fail with _CLOSED', async () => {
  const CLOSED = { code: 'ERR_SPINNER_CLOSED' }
  const spinner = newSpinner()
  const child = spinner.start(sleeper('a'))
  await child
  const { pid } = child
  const first = spinner.close()
  expect(() => spinner.start('a')).toThrow(expect.objectContaining(CLOSED))
  await Promise.all([first, spinner.close()])
  expect(lives(pid as number)).toBe(false)
  expect(() => spinner.start(sleeper('b'))).toThrow(expect.objectContaining(CLOSED))
  expect(() => spinner.use({ name: 'late' })).toThrow(expect.objectContaining(CLOSED))
  for (const call of [
    spinner.stop('a'),
    spinner.stopAll(),
    spinner.restart('a'),
    spinner.acquire('a'),
    child.restart(),
    child.acquire(),
    ready(child),
  ]) {
    await expect(call).rejects.toMatchObject(CLOSED)
  }
})

test('a start asked for on a handle while the spinner closes leaves no process behind', async () => {
  const { sys, pids } = watched()
  const spinner = newSpinner({}, sys)
  const child = spinner.start(sleeper('a'))
  await child
  const closed = spinner.close()
  const restart = failureOf(child.restart())
  await closed
  expect(await restart).not.toBeNull()
  expect(pids).toHaveLength(1)
})

test('H14 a stop while a start waits for its turn spawns nothing', async () => {
  const { sys, pids } = watched()
  const spinner = newSpinner({ concurrency: 1 }, sys)
  const opened = deferred<void>()
  const first = spinner.start({ ...sleeper('a'), ready: () => opened.promise })
  await until(() => first.pid !== null)
  const second = spinner.start(sleeper('b'))
  const failure = failureOf(second)
  await spinner.stop('b')
  expect(await failure).toMatchObject({ code: 'ERR_SPINNER_STOPPED' })
  opened.resolve()
  await first
  await spinner.start(sleeper('c'))
  expect(pids).toHaveLength(2)
})

test('H14 an address that comes after the stop is given back', async () => {
  const given = deferred<number>()
  let asked = false
  const released: unknown[] = []
  const allocate = (): Promise<number> => {
    asked = true
    return given.promise
  }
  const listen = { allocate, release: (address: unknown) => void released.push(address) }
  const child = newSpinner().start({ ...sleeper('a'), listen, ready: 'spawn' })
  await until(() => asked)
  await child.stop()
  given.resolve(23_117)
  await until(() => released.length > 0)
  expect(released).toEqual([23_117])
  expect(child.info()).toMatchObject({ state: 'stopped', address: null, pid: null })
})

test.runIf(process.platform === 'linux')(
  'H10 H27 a child leads a group and a session of its own and inherits no file of the host',
  async () => {
    const file = newFile('held-by-the-host', '')
    const held = openSync(file, 'r')
    const child = newSpinner().start({
      ...sleeper('a'),
      command: 'sh',
      args: ['-c', 'ls -l /proc/$$/fd; echo done; exec sleep 600'],
    })
    await child
    await until(() => child.info().output.includes('done'))
    closeSync(held)
    expect(child.info().output.length).toBeGreaterThan(3)
    expect(child.info().output.join()).not.toContain('held-by-the-host')
    const [, , , group, session] = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
      .replace(/^.*\) /, 'x ')
      .split(' ')
    expect([group, session]).toEqual([session, String(child.pid)])
  },
)

test.runIf(process.platform === 'linux')(
  'H31 starting and stopping over and over leaves nothing behind',
  async () => {
    const { sys, clock } = watched()
    const spinner = newSpinner({}, sys)
    const cycle = async (): Promise<void> => {
      await spinner.start(sleeper('a'))
      await spinner.stop('a')
    }
    const open = (): number => readdirSync('/proc/self/fd').length
    await cycle()
    await until(() => new Promise((resolve) => setImmediate(() => resolve(true))))
    const before = open()
    for (let round = 0; round < 50; round++) await cycle()
    await until(() => open() <= before, 'the closing of all descriptors')
    expect(clock.waiting).toBe(0)
    expect(Object.keys(spinner.list())).toEqual(['a'])
  },
)

test('`await using` closes a spinner at the end of its block', async () => {
  let pid: number | null = null
  {
    await using spinner = newSpinner()
    const child = spinner.start(sleeper('a'))
    await child
    pid = child.pid
  }
  expect(lives(pid as unknown as number)).toBe(false)
})
