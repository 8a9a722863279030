import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { ListenerOwners } from '../../src/address/listener-owner.ts'
import { PortAllocator } from '../../src/address/ports.ts'
import { SocketAllocator } from '../../src/address/sockets.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { Target } from '../../src/types/child.ts'
import { failureOf } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, get, newFolder, newSpinner, until } from '../support/host.ts'

const foreigners: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(foreigners.splice(0).map((end) => end()))
})

/** Starts a foreign process that listens there. */
async function foreigner(...where: string[]): Promise<number> {
  const env = { ...process.env, TEST_MARK: String(process.pid) }
  const it = spawn(process.execPath, [fixture('foreigner.js'), ...where], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => it.once('exit', resolve))
  foreigners.push(async () => {
    it.kill('SIGKILL')
    await ended
  })
  await new Promise((resolve) => it.stdout.once('data', resolve))
  return it.pid as number
}

const freePort = (): Promise<number> => new PortAllocator(realSys).allocate('any')

/** Returns a system on which the descriptors of processes cannot be read. */
function withHiddenDescriptors(): Sys {
  const hidden = Object.assign(new Error('hidden'), { code: 'EACCES' })
  const readdirSync = ((folder: string) => {
    if (/^\/proc\/\d+\/fd$/.test(folder)) throw hidden
    return fs.readdirSync(folder)
  }) as typeof fs.readdirSync
  return sysWith({ fs: { ...fs, readdirSync } })
}

for (const host of ['127.0.0.1', '::1', '0.0.0.0', '::']) {
  test(`H34 a child that never listens is not started while a foreign process listens on ${host}`, async () => {
    const port = await freePort()
    await foreigner(String(port), host)
    const started: unknown[] = []
    const child = newSpinner({ attempts: 1 }).start({
      script: fixture('never-listens.js'),
      monitor: null,
      listen: port,
    })
    child.on('started', (address) => started.push(address))
    const error = await failureOf(child)
    expect(error).toMatchObject({ code: 'ERR_SPINNER_FOREIGN_LISTENER' })
    expect(error?.message).toContain(`Another process listens on ${port}`)
    expect(started).toEqual([])
  })
}

test('H34 a child that never listens is not started while a foreign process listens at its path', async () => {
  const runtimeDir = newFolder()
  const socket = await new SocketAllocator(realSys, runtimeDir).allocate('app')
  const spinner = newSpinner({ attempts: 1, runtimeDir })
  const child = spinner.start({ name: 'app', script: fixture('never-listens.js'), monitor: null })
  await until(() => child.pid)
  await foreigner(socket)
  expect(await failureOf(child)).toMatchObject({ code: 'ERR_SPINNER_FOREIGN_LISTENER' })
})

test('H34 a child on ::1 is not mistaken for the foreign process on 127.0.0.1 with the same port', async () => {
  const port = await freePort()
  await foreigner(String(port), '127.0.0.1')
  const child = newSpinner({ attempts: 1 }).start({
    script: fixture('listens-on-ipv6.js'),
    monitor: null,
    listen: port,
  })
  expect(await failureOf(child)).toMatchObject({ code: 'ERR_SPINNER_FOREIGN_LISTENER' })
})

test('H34 each of two listeners on one port owns the address at which it is reached', async () => {
  const port = await freePort()
  const four = await foreigner(String(port), '127.0.0.1')
  const six = await foreigner(String(port), '::1')
  const owner = (host: string, pid: number): Promise<string> =>
    new ListenerOwners(realSys).ownershipOf({ host, port }, pid)
  expect(await owner('127.0.0.1', four)).toBe('ours')
  expect(await owner('127.0.0.1', six)).toBe('foreign')
  expect(await owner('::1', six)).toBe('ours')
  expect(await owner('::1', four)).toBe('foreign')
})

test('H34 a listener on all addresses of both kinds owns both loopback addresses', async () => {
  const port = await freePort()
  const pid = await foreigner(String(port), '::')
  for (const host of ['127.0.0.1', '::1']) {
    expect(await new ListenerOwners(realSys).ownershipOf({ host, port }, pid)).toBe('ours')
    expect(await new ListenerOwners(realSys).ownershipOf({ host, port: await freePort() }, pid)).toBe(
      'nobody',
    )
  }
  expect(await new ListenerOwners(realSys).portsOf(pid)).toEqual([port])
})

for (const listen of ['socket', 'port'] as const) {
  test(`H34 a grandchild that owns the listener counts as the child, with listen: '${listen}'`, async () => {
    const child = newSpinner().start({ script: fixture('listens-in-grandchild.js'), monitor: null, listen })
    await child
    expect(await get(child.target)).toMatch(/^hello from \d+$/)
    expect(await get(child.target)).not.toBe(`hello from ${child.pid}`)
  })
}

test('H34 the owner of a listener is unknown if the system does not show it', async () => {
  const port = await freePort()
  const pid = await foreigner(String(port), '127.0.0.1')
  const target: Target = { host: '127.0.0.1', port }
  expect(await new ListenerOwners(withHiddenDescriptors()).ownershipOf(target, pid)).toBe('unknown')
  expect(await new ListenerOwners(sysWith({ platform: 'darwin' })).ownershipOf(target, pid)).toBe('unknown')
  expect(await new ListenerOwners(sysWith({ platform: 'darwin' })).portsOf(pid)).toEqual([])
})

for (const [where, sys] of Object.entries({
  'on another platform': sysWith({ platform: 'freebsd' }),
  'where other processes are hidden': withHiddenDescriptors(),
})) {
  test(`H34 a child is started ${where}`, async () => {
    for (const listen of ['socket', 'port'] as const) {
      const child = newSpinner({}, sys).start({ script: fixture('hello.js'), monitor: null, listen })
      await child
      expect(await get(child.target)).toBe(`hello from ${child.pid}`)
    }
  })
}

test('H34 a process that has exited owns nothing, even if another process listens on its address now', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await until(() => server.listening)
  const { port } = server.address() as net.AddressInfo
  const ended = spawn(process.execPath, ['-e', '0'])
  await new Promise((resolve) => ended.once('exit', resolve))
  expect(
    await new ListenerOwners(realSys).ownershipOf({ host: '127.0.0.1', port }, ended.pid as number),
  ).toBe('foreign')
})
