import net from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { PortAllocator } from '../../src/address/ports.ts'
import { accepts } from '../../src/probe.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { failureOf, ready } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, get, newSpinner, until } from '../support/host.ts'

/** Starts a foreign server, which holds its port from this turn on. */
function thiefAt(port: number, host?: string): net.Server {
  const thief = net.createServer((connection) => connection.on('error', () => {}).end('stolen'))
  thief.on('error', () => {})
  thief.listen(port, host)
  onTestFinished(() => void thief.close())
  return thief
}

/** Returns a system that takes the ports of the first `thefts` processes just before they are spawned. */
function stealingSys(thefts: number): { sys: Sys; stolen: number[] } {
  const stolen: number[] = []
  const spawn: Sys['spawn'] = (command, args, options) => {
    const port = Number(options.env?.['PORT'])
    if (stolen.length < thefts) {
      thiefAt(port)
      stolen.push(port)
    }
    return realSys.spawn(command, args, options)
  }
  return { sys: sysWith({ spawn }), stolen }
}

/** Resolves when the child itself answers. */
const answersItself = async (child: Child, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted && (await get(child.target).catch(() => '')) !== `hello from ${child.pid}`)
    await realSys.pause(5)
}

const hello = (options: Partial<StartOptions> = {}): StartOptions => ({
  name: 'app',
  script: fixture('hello.js'),
  monitor: null,
  listen: 'port',
  ...options,
})

test('PORT is a number outside the range of outgoing connections, and the child is reached there', async () => {
  const child = newSpinner().start(hello())
  const port = (await child) as number
  expect(port).toBeGreaterThanOrEqual(20_000)
  expect(port).toBeLessThan(32_000)
  expect(child.target).toEqual({ host: '127.0.0.1', port })
  expect(await get(child.target)).toBe(`hello from ${child.pid}`)
})

test('a child has the same port after a restart, a crash, and after stop and start', async () => {
  const spinner = newSpinner()
  const child = spinner.start(hello())
  const port = await child
  expect(await child.restart()).toBe(port)
  const before = child.pid as number
  process.kill(before, 'SIGKILL')
  await until(() => child.state === 'started' && child.pid !== before)
  expect(child.address).toBe(port)
  await child.stop()
  expect(child.address).toBe(null)
  expect(await spinner.start('app')).toBe(port)
})

test('a child whose port was taken while it was stopped gets another', async () => {
  const spinner = newSpinner()
  const child = spinner.start(hello())
  const port = (await child) as number
  await child.stop()
  const thief = thiefAt(port, '127.0.0.1')
  await until(() => thief.listening)
  expect(await spinner.start('app')).not.toBe(port)
  expect(await get(child.target)).toBe(`hello from ${child.pid}`)
})

for (const [how, options] of Object.entries({
  'is distinguished from a foreign listener': {},
  'dies of EADDRINUSE': { ready: answersItself },
})) {
  test(`H33 a child whose port is stolen before it binds, and ${how}, gets a fresh port and loses no attempt`, async () => {
    const { sys, stolen } = stealingSys(2)
    const child = newSpinner({ attempts: 1, ...options }, sys).start(hello())
    const port = (await child) as number
    expect(stolen).toHaveLength(2)
    expect(new Set([...stolen, port]).size).toBe(3)
    expect(await get(child.target)).toBe(`hello from ${child.pid}`)
    expect(child.info()).toMatchObject({ crashes: 0, restarts: 0, state: 'started' })
  })
}

test('H33 a child whose ports are all stolen is faulted in the end', async () => {
  const { sys, stolen } = stealingSys(100)
  const child = newSpinner({ attempts: 1 }, sys).start(hello())
  await failureOf(child)
  expect(child.state).toBe('faulted')
  expect(stolen.length).toBeGreaterThan(3)
  expect(stolen.length).toBeLessThan(10)
})

test('a child that listens on a taken port of its own choice is not retried with other ports', async () => {
  const wanted = await new PortAllocator(realSys).allocate('wanted')
  const thief = thiefAt(wanted, '127.0.0.1')
  await until(() => thief.listening)
  const program = `require('node:http').createServer().listen(${wanted}, '127.0.0.1')`
  const options = { name: 'app', args: ['-e', program], listen: 'port', attempts: 1 } as const
  const error = await failureOf(newSpinner().start(options))
  expect(error).toMatchObject({ code: 'ERR_SPINNER_EXITED', attempts: 1 })
  expect(error?.message).toContain(`address already in use 127.0.0.1:${wanted}`)
})

test('H33 if no port of the range is free, there is an error instead of a port outside the range', async () => {
  const taken = await new PortAllocator(realSys).allocate('taken')
  const thief = thiefAt(taken, '127.0.0.1')
  await until(() => thief.listening)
  const ports = new PortAllocator(sysWith({ random: () => (taken - 20_000) / 12_000 + 1e-6 }))
  const error = await failureOf(ports.allocate('app'))
  expect(error).toMatchObject({ code: 'ERR_SPINNER_SPAWN', child: 'app' })
  expect(error?.message).toContain("No free TCP port was found for 'app'")
})

test('a port that the user chose is used, and if it is taken the error names it', async () => {
  const port = await new PortAllocator(realSys).allocate('fixed')
  const spinner = newSpinner({ attempts: 1, faultTimeout: 0 })
  const child = spinner.start(hello({ listen: port }))
  expect(await child).toBe(port)
  await child.stop()
  const thief = thiefAt(port)
  await until(() => thief.listening)
  const error = await failureOf(spinner.start('app'))
  expect(error?.message).toContain(String(port))
  expect(['ERR_SPINNER_FOREIGN_LISTENER', 'ERR_SPINNER_EXITED']).toContain(error?.code)
  const exitError = await failureOf(spinner.start(hello({ listen: port, ready: answersItself })))
  expect(exitError).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
  expect(exitError?.message).toContain('EADDRINUSE')
})

test('H33 50 children that are started at once have 50 ports, and each child is reached at its own', async () => {
  const spinner = newSpinner()
  const children = Array.from({ length: 50 }, (_, index) => spinner.start(hello({ name: `app ${index}` })))
  const ports = await Promise.all(children.map(ready))
  expect(new Set(ports).size).toBe(50)
  for (const child of children) expect(await get(child.target)).toBe(`hello from ${child.pid}`)
})

test('H33 two hosts with the same range never allocate the same port', async () => {
  const hosts = [new PortAllocator(realSys), new PortAllocator(realSys)]
  const ports = await Promise.all(
    hosts.flatMap((host) => Array.from({ length: 50 }, (_, index) => host.allocate(`app ${index}`))),
  )
  expect(new Set(ports).size).toBe(100)
})

test('a child that listens only on ::1 is reached there', async () => {
  const child = newSpinner().start(hello({ script: fixture('listens-on-ipv6.js') }))
  const port = await child
  expect(child.target).toEqual({ host: '::1', port })
  expect(await get(child.target)).toBe('six')
})

/** Probes a port whose connection has the given ports. */
function connected(localPort: number | undefined, remotePort: number | undefined): Promise<boolean> {
  const socket = new net.Socket()
  Object.defineProperties(socket, { localPort: { value: localPort }, remotePort: { value: remotePort } })
  const sys = sysWith({ connect: () => socket })
  setImmediate(() => socket.emit('connect'))
  return accepts(sys, { host: '127.0.0.1', port: 23_000 })
}

test('H35 a connection of a socket to itself is not mistaken for a listener', async () => {
  expect(await connected(23_000, 23_000)).toBe(false)
  expect(await connected(45_000, 23_000)).toBe(true)
  expect(await connected(undefined, undefined)).toBe(true)
})
