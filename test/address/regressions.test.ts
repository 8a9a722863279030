import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, existsSync, lstatSync, rmSync, writeFileSync } from 'node:fs'
import type net from 'node:net'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ListenerOwners } from '../../src/address/listener-owner.ts'
import { targetOf } from '../../src/probe.ts'
import { type Deferred, deferred } from '../../src/promises.ts'
import { realSys } from '../../src/sys.ts'
import type { Address } from '../../src/types/child.ts'
import { failureOf, ready, sleeper, watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, get, newFolder, newSpinner, next, until } from '../support/host.ts'

const isLinux = process.platform === 'linux'

const servers = new Set<{ server: ChildProcess; sockets: net.Socket[] }>()

afterEach(async () => {
  for (const { server, sockets } of servers) {
    for (const socket of sockets) socket.destroy()
    const ended = next(server, 'exit')
    server.kill('SIGKILL')
    await ended
  }
  servers.clear()
})

/** Starts a foreign server on `address` that accepts no connections and whose backlog is full. */
async function hang(address: Address): Promise<void> {
  const args = typeof address === 'string' ? [address] : [String(address), '127.0.0.1']
  const env = { ...process.env, TEST_MARK: String(process.pid) }
  const server = spawn(process.execPath, [fixture('listens-and-hangs.js'), ...args], { env, stdio: 'pipe' })
  const sockets: net.Socket[] = []
  servers.add({ server, sockets })
  await new Promise((resolve) => server.stdout.once('data', resolve))
  let connected = 0
  // A backlog of one holds two connections. A socket refuses the third at once; a port lets it wait.
  for (let count = 0; count < 3; count++) {
    const socket = realSys.connect(targetOf(address))
    sockets.push(socket.on('connect', () => connected++).on('error', () => {}))
  }
  await until(() => connected === 2, 'a full backlog')
}

test('H36 the loser of two spinners with the same folder and name does not remove the socket of the winner', async () => {
  const runtimeDir = newFolder()
  const go = path.join(newFolder(), 'go')
  const [loser, winner] = [newSpinner({ runtimeDir, attempts: 1 }), newSpinner({ runtimeDir })]
  const late = loser.start({ name: 'twin', script: fixture('listens-when-told.js'), env: { GO: go } })
  const failure = failureOf(late)
  await until(() => late.pid)
  const won = winner.start({ name: 'twin', script: fixture('hello.js') })
  const address = (await won) as string
  writeFileSync(go, '')
  if (isLinux) expect(await failure).toMatchObject({ code: expect.stringMatching(/FOREIGN_LISTENER|EXITED/) })
  await loser.stop('twin')
  await loser.close()
  expect(existsSync(address)).toBe(true)
  expect(await get(won.target)).toBe(`hello from ${won.pid}`)
})

test.runIf(isLinux)('H36 a listener whose backlog is full keeps its socket file', async () => {
  const runtimeDir = newFolder()
  const spinner = newSpinner({ runtimeDir, attempts: 1 })
  const address = (await spinner.start({ name: 'a', script: fixture('hello.js') })) as string
  await spinner.stop('a')
  await hang(address)
  const before = lstatSync(address).ino
  const failure = await failureOf(spinner.start('a'))
  expect(failure).toMatchObject({ code: 'ERR_SPINNER_FOREIGN_LISTENER' })
  await spinner.stop('a')
  await spinner.close()
  expect(lstatSync(address).ino).toBe(before)
})

test.runIf(isLinux)(
  'H33 a child whose last port is held by a foreign server with a full backlog gets another port',
  async () => {
    const spinner = newSpinner({ listen: 'port' })
    const child = spinner.start({ name: 'a', script: fixture('hello.js') })
    const port = (await child) as number
    await spinner.stop('a')
    await hang(port)
    const errors: Error[] = []
    child.on('error', (error) => errors.push(error))
    const other = await spinner.start('a')
    expect(other).toBeTypeOf('number')
    expect(other).not.toBe(port)
    expect(await get(child.target)).toBe(`hello from ${child.pid}`)
    expect(errors).toEqual([])
    // The foreign server was noticed before the spawn, so no attempt was made with the old port.
    expect(child.info().output).toEqual([])
  },
)

test('a private folder that is removed while the spinner is open is created again', async () => {
  const spinner = newSpinner({ attempts: 1 })
  const child = spinner.start({ name: 'a', script: fixture('hello.js') })
  const before = (await child) as string
  await spinner.stop('a')
  rmSync(path.dirname(before), { recursive: true })
  const after = (await spinner.start('a')) as string
  expect(path.dirname(after)).not.toBe(path.dirname(before))
  expect(await get(child.target)).toBe(`hello from ${child.pid}`)
  await spinner.close()
  expect(existsSync(path.dirname(after))).toBe(false)
})

/** Creates an allocator whose answers the test resolves. */
function slowAllocator() {
  const asked: Deferred<number>[] = []
  const released: Address[] = []
  const allocate = (): Promise<number> => {
    const answer = deferred<number>()
    asked.push(answer)
    return answer.promise
  }
  return { asked, released, listen: { allocate, release: (address: Address) => void released.push(address) } }
}

test('an address that an allocator returns after `timeout` is released', async () => {
  const { clock, pids, sys } = watched()
  const { asked, listen, released } = slowAllocator()
  const spinner = newSpinner({ attempts: 1, timeout: 5 }, sys)
  const child = spinner.start({ ...sleeper('a'), listen, ready: 'spawn' })
  const failure = failureOf(ready(child))
  await until(() => asked.length === 1)
  await clock.advance(5)
  expect(await failure).toMatchObject({ code: 'ERR_SPINNER_NOT_READY' })
  expect(released).toEqual([])
  asked[0]?.resolve(24_100)
  await until(() => released.length > 0)
  await spinner.stop('a')
  expect(released).toEqual([24_100])
  expect(child.address).toBeNull()
  expect(pids).toEqual([])
})

test('an address that arrives for an aborted start is not released while a later start has the same address', async () => {
  const { sys } = watched()
  const { asked, listen, released } = slowAllocator()
  const spinner = newSpinner({}, sys)
  const options = { ...sleeper('a'), listen, ready: 'spawn' } as const
  spinner.start(options)
  await until(() => asked.length === 1)
  await spinner.stop('a')
  await until(() => spinner.get('a')?.state === 'stopped')
  const child = spinner.start(options)
  await until(() => asked.length === 2)
  asked[1]?.resolve(24_101)
  await child
  asked[0]?.resolve(24_101)
  for (let turn = 0; turn < 20; turn++) await sys.nextTurn()
  expect(child.address).toBe(24_101)
  expect(released).toEqual([])
})

test.runIf(isLinux)(
  "H37 the error of a child that listens on TCP instead of its socket path mentions `listen: 'port'`",
  async () => {
    const { clock, sys } = watched()
    const spinner = newSpinner({ attempts: 1, timeout: 5 }, sys)
    const env = { ELSEWHERE: '0' }
    const child = spinner.start({ name: 'tcp', script: fixture('listens-elsewhere.js'), env })
    const failure = failureOf(ready(child))
    const ports = await until(async () => {
      const found = child.pid ? await new ListenerOwners(realSys).portsOf(child.pid) : []
      return found.length > 0 ? found : null
    })
    const { address } = child
    await clock.advance(5)
    const message = (await failure)?.message
    expect(message).toContain(`it listens on ${ports[0]}, expected ${address}`)
    expect(message).toContain("`listen: 'port'`")
  },
)

test.runIf(isLinux)(
  'H37 the error of a child that listens but never answers well states that it listens',
  async () => {
    const { clock, sys } = watched()
    const spinner = newSpinner({ attempts: 1, timeout: 5 }, sys)
    const env = { STATUSES: '[500]' }
    const options = { script: fixture('answers-statuses.js'), env, ready: { http: '/' } }
    const child = spinner.start({ name: 'ill', ...options })
    const failure = failureOf(ready(child))
    await until(() => get(child.target, '/asked').catch(() => ''))
    await clock.advance(5)
    const message = (await failure)?.message
    expect(message).toContain('it listens, but the condition of `ready` was not met')
    expect(message).not.toContain('it listens on')
  },
)

test.runIf(process.getuid)('a `uid` of another user with the default socket is rejected at once', () => {
  const { pids, sys } = watched()
  const spinner = newSpinner({}, sys)
  const uid = (process.getuid?.() ?? 0) + 1
  const rejection = {
    code: 'ERR_SPINNER_INVALID_OPTION',
    message: expect.stringContaining("`listen: 'port'`"),
  }
  const start = (): unknown => spinner.start({ name: 'a', script: fixture('hello.js'), uid })
  expect(start).toThrow(expect.objectContaining(rejection))
  expect(spinner.list()).toEqual({})
  expect(pids).toEqual([])
})

test('an XDG_RUNTIME_DIR that is not writable is not used', async () => {
  const folder = newFolder()
  const env = { ...process.env, XDG_RUNTIME_DIR: folder }
  const refuse: typeof accessSync = (place, mode) => {
    if (place === folder) throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    accessSync(place, mode)
  }
  const start = async (fs: typeof realSys.fs): Promise<string> => {
    const spinner = newSpinner({ attempts: 1 }, sysWith({ env, fs }))
    return path.dirname(String(await spinner.start({ name: 'a', script: fixture('hello.js') })))
  }
  expect(path.dirname(await start(realSys.fs))).toBe(folder)
  expect(path.dirname(await start({ ...realSys.fs, accessSync: refuse }))).not.toBe(folder)
})
