import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { SocketAllocator } from '../../src/address/sockets.ts'
import type { SpinnerError } from '../../src/errors.ts'
import { realSys } from '../../src/sys.ts'
import type { Allocator } from '../../src/types/plugin.ts'
import { watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, get, newFile, newFolder, newSpinner, until } from '../support/host.ts'

const rejectionOf = (wait: PromiseLike<unknown>): Promise<SpinnerError> =>
  Promise.resolve(wait).then(
    () => expect.unreachable('it was expected to fail'),
    (thrown) => thrown as SpinnerError,
  )

/** Starts a server of another process at a path. */
async function foreignAt(socket: string): Promise<net.Server> {
  const server = net.createServer((connection) => connection.on('error', () => {}).end('foreign'))
  server.listen(socket)
  onTestFinished(() => void server.close())
  await until(() => server.listening)
  return server
}

/** Creates the socket that a killed server leaves: nothing accepts connections on it. */
async function staleAt(socket: string): Promise<void> {
  const server = await foreignAt(`${socket}.live`)
  fs.linkSync(`${socket}.live`, socket)
  await new Promise((resolve) => server.close(resolve))
  expect(fs.lstatSync(socket).isSocket()).toBe(true)
}

const answers = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = net.connect(socket)
    connection.on('connect', () => resolve(true)).on('error', () => resolve(false))
    connection.on('connect', () => connection.destroy())
  })

/** Returns a path with an exact length in bytes, in a temporary folder, made of one character. */
function folderOfLength(bytes: number, character: string): string {
  const base = newFolder()
  const room = bytes - Buffer.byteLength(base) - 1
  const size = Buffer.byteLength(character)
  return path.join(base, character.repeat(Math.floor(room / size)) + 'x'.repeat(room % size))
}

test('H36 sockets are in a folder that only its owner can enter and that close() removes', async () => {
  const spinner = newSpinner()
  const socket = (await spinner.start(fixture('hello.js'))) as string
  const folder = path.dirname(socket)
  expect(fs.lstatSync(folder).mode & 0o7777).toBe(0o700)
  expect(fs.lstatSync(folder).uid).toBe(process.getuid?.())
  expect(path.basename(socket)).toMatch(/^[0-9a-f]{8}\.sock$/)
  await spinner.close()
  expect(fs.existsSync(folder)).toBe(false)
})

test('a child has the same path after a restart and after stop and start', async () => {
  const spinner = newSpinner()
  const child = spinner.start(fixture('hello.js'))
  const first = await child
  expect(await child.restart()).toBe(first)
  await child.stop()
  expect(fs.existsSync(first as string)).toBe(false)
  expect(await spinner.start(child.name)).toBe(first)
})

test('the same name has the same path in the same runtimeDir, with any allocator', async () => {
  const folder = newFolder()
  const allocate = (name: string): Promise<string> => new SocketAllocator(realSys, folder).allocate(name)
  expect(await allocate('a')).toBe(await allocate('a'))
  expect(await allocate('a')).not.toBe(await allocate('b'))
})

test('two names with the same hash have different paths, each the same every time', async () => {
  // Their SHA-256 sums both begin with bdec6ef1.
  const [one, other] = ['child-33969', 'child-117738'] as const
  const sockets = new SocketAllocator(realSys, newFolder())
  const first = await sockets.allocate(one)
  const second = await sockets.allocate(other)
  expect(path.basename(first)).toBe('bdec6ef1.sock')
  expect(path.basename(second)).toMatch(/^bdec6ef1[0-9a-f]{8}\.sock$/)
  expect(await sockets.allocate(one)).toBe(first)
  expect(await sockets.allocate(other)).toBe(second)
})

for (const character of ['a', '深']) {
  test(`H36 a path of up to 100 bytes is used, and a longer one is rejected, in '${character}'`, async () => {
    const nameBytes = '/01234567.sock'.length
    for (let bytes = 90; bytes <= 120; bytes++) {
      const folder = folderOfLength(bytes - nameBytes, character)
      const sockets = new SocketAllocator(realSys, folder)
      if (bytes <= 100) {
        const socket = await sockets.allocate('a')
        expect(Buffer.byteLength(socket)).toBe(bytes)
        await foreignAt(socket)
        expect(fs.readdirSync(folder)).toEqual([path.basename(socket)])
      } else {
        const error = await rejectionOf(sockets.allocate('a'))
        expect(error).toMatchObject({ code: 'ERR_SPINNER_INVALID_OPTION', child: 'a' })
        expect(error.message).toContain(`${bytes} bytes`)
        expect(error.message).toContain('runtimeDir')
        expect(fs.readdirSync(folder)).toEqual([])
      }
    }
  })
}

test('H36 a directory for temporary files with a path that is too long is not used', async () => {
  const tooLong = folderOfLength(90, 'a')
  fs.mkdirSync(tooLong, { recursive: true })
  const env = { ...process.env, XDG_RUNTIME_DIR: tooLong }
  const sockets = new SocketAllocator(sysWith({ env, tmpdir: () => tooLong }), null)
  expect(Buffer.byteLength(await sockets.allocate('a'))).toBeLessThanOrEqual(100)
  sockets.close()
  expect(fs.readdirSync(tooLong)).toEqual([])
})

test('H36 a stale socket is removed, and the child starts', async () => {
  const runtimeDir = newFolder()
  const socket = await new SocketAllocator(realSys, runtimeDir).allocate('app')
  await staleAt(socket)
  const spinner = newSpinner({ runtimeDir })
  const child = spinner.start({ name: 'app', script: fixture('hello.js') })
  expect(await child).toBe(socket)
  expect(await get(child.target)).toBe(`hello from ${child.pid}`)
})

test('H36 a child that leaves its socket behind when it is killed is restarted on the same path', async () => {
  const child = newSpinner().start(fixture('hello.js'))
  const socket = (await child) as string
  const before = child.pid as number
  process.kill(before, 'SIGKILL')
  await until(() => child.state === 'started' && child.pid !== before)
  expect(child.address).toBe(socket)
  expect(await get(child.target)).toBe(`hello from ${child.pid}`)
})

test('H36 a socket that a killed child leaves in a named runtimeDir is removed when stop() resolves', async () => {
  const runtimeDir = newFolder()
  const child = newSpinner({ runtimeDir }).start({ script: fixture('hello.js'), stopSignal: 'SIGKILL' })
  await child
  expect(fs.readdirSync(runtimeDir)).toHaveLength(1)
  await child.stop()
  expect(fs.readdirSync(runtimeDir)).toEqual([])
})

test('H36 a socket on which another process listens is an error and is not removed, even by stop()', async () => {
  const runtimeDir = newFolder()
  const socket = await new SocketAllocator(realSys, runtimeDir).allocate('app')
  await foreignAt(socket)
  const spinner = newSpinner({ runtimeDir, attempts: 1 })
  const error = await rejectionOf(spinner.start({ name: 'app', script: fixture('hello.js') }))
  expect(error.code).toBe('ERR_SPINNER_FOREIGN_LISTENER')
  expect(error.message).toContain(socket)
  await spinner.stop('app')
  expect(await answers(socket)).toBe(true)
})

test('H36 a socket that another process takes between two processes of a child is not removed', async () => {
  const runtimeDir = newFolder()
  const spinner = newSpinner({ runtimeDir, attempts: 1, maxRestarts: 5 })
  const child = spinner.start({ name: 'app', script: fixture('hello.js') })
  const socket = (await child) as string
  fs.unlinkSync(socket)
  await foreignAt(socket)
  process.kill(child.pid as number, 'SIGKILL')
  await until(() => child.state === 'faulted')
  expect(child.info().lastError).toMatchObject({ code: 'ERR_SPINNER_FOREIGN_LISTENER' })
  await child.stop()
  expect(await answers(socket)).toBe(true)
})

for (const kind of ['file', 'symlink', 'folder'] as const) {
  test(`H36 a ${kind} at the path of a socket is an error and is not removed`, async () => {
    const runtimeDir = newFolder()
    const socket = await new SocketAllocator(realSys, runtimeDir).allocate('app')
    const precious = newFile('precious.txt', 'precious')
    if (kind === 'file') fs.copyFileSync(precious, socket)
    else if (kind === 'symlink') fs.symlinkSync(precious, socket)
    else fs.mkdirSync(socket)
    const spinner = newSpinner({ runtimeDir, attempts: 1 })
    const error = await rejectionOf(spinner.start({ name: 'app', script: fixture('hello.js') }))
    expect(error.code).toBe('ERR_SPINNER_FOREIGN_LISTENER')
    expect(error.message).toContain(socket)
    await spinner.close()
    expect(fs.lstatSync(socket).isSocket()).toBe(false)
    expect(fs.readFileSync(precious, 'utf8')).toBe('precious')
  })
}

const UNUSABLE: Record<string, { make: (at: string) => void; says: RegExp }> = {
  'a symlink': { make: (at) => fs.symlinkSync(newFolder(), at), says: /a symbolic link or a file/ },
  'a file': { make: (at) => fs.writeFileSync(at, ''), says: /cannot be created \(EEXIST\)/ },
  'a folder below a file': { make: (at) => fs.writeFileSync(path.dirname(at), ''), says: /ENOTDIR/ },
  'a folder that others can write to': {
    make: (at) => {
      fs.mkdirSync(at)
      fs.chmodSync(at, 0o777)
    },
    says: /other users can write to it; set its mode to 0700/,
  },
  'a folder that all users share': {
    make: (at) => {
      fs.mkdirSync(at)
      fs.chmodSync(at, 0o1777)
    },
    says: /other users can write to it; name a directory of your own below it, such as '.*\/run\/my-app'\.$/,
  },
}

for (const [what, { make, says }] of Object.entries(UNUSABLE)) {
  test(`H36 a runtimeDir that is ${what} is an error at once`, () => {
    const runtimeDir = path.join(newFolder(), 'a', 'run')
    if (what !== 'a folder below a file') fs.mkdirSync(path.dirname(runtimeDir))
    make(runtimeDir)
    let error: unknown
    try {
      newSpinner({ runtimeDir })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'ERR_SPINNER_INVALID_OPTION', message: expect.stringMatching(says) })
    expect((error as Error).message).toContain(runtimeDir)
  })
}

test.each([
  [0o755, / belongs to another user; name a directory of your own\.$/],
  [0o1777, / belongs to another user; name a directory of your own below it, such as '.*\/my-app'\.$/],
])('H36 a runtimeDir of another user, with mode %o, is rejected', (mode, says) => {
  const runtimeDir = newFolder()
  const stat = Object.assign(fs.lstatSync(runtimeDir), { uid: (process.getuid?.() ?? 0) + 1 })
  stat.mode = (stat.mode & ~0o7777) | mode
  const lstatSync = (() => stat) as unknown as typeof fs.lstatSync
  expect(() => newSpinner({ runtimeDir }, sysWith({ fs: { ...fs, lstatSync } }))).toThrow(says)
})

test.each(['EROFS', 'EACCES'])(
  'if no directory for sockets can be created (%s), a start fails after its attempts with a remedy',
  async (code) => {
    const mkdirSync = (() => {
      throw Object.assign(new Error(code), { code })
    }) as typeof fs.mkdirSync
    const { clock, sys } = watched({ fs: { ...fs, mkdirSync }, tmpdir: () => '/no/place', env: {} })
    const child = newSpinner({ attempts: 3 }, sys).start(fixture('hello.js'))
    const failure = rejectionOf(child)
    await until(async () => {
      await clock.advance(0.5)
      return child.state === 'faulted'
    })
    expect(await failure).toMatchObject({ code: 'ERR_SPINNER_NOT_READY', attempts: 3, child: child.name })
    expect((await failure).message).toBe(
      `No directory for sockets can be created in '/tmp' (${code}); set \`runtimeDir\` or XDG_RUNTIME_DIR to a writable directory, or use \`listen: 'port'\`.`,
    )
  },
)

test('a runtimeDir that does not exist is created for its owner only, and is empty after close()', async () => {
  const runtimeDir = path.join(newFolder(), 'deep', 'run')
  const spinner = newSpinner({ runtimeDir })
  expect(fs.statSync(runtimeDir).mode & 0o777).toBe(0o700)
  await spinner.start(fixture('hello.js'))
  await spinner.close()
  expect(fs.readdirSync(runtimeDir)).toEqual([])
})

test('an allocator of the user provides the path, which is released when the child is stopped', async () => {
  const socket = path.join(newFolder(), 'mine.sock')
  const calls: unknown[] = []
  const listen: Allocator = {
    allocate: async (name) => {
      calls.push(['allocate', name])
      return socket
    },
    release: (address) => calls.push(['release', address]),
  }
  const child = newSpinner().start({ name: 'app', script: fixture('hello.js'), listen })
  expect(await child).toBe(socket)
  expect(await get(child.target)).toBe(`hello from ${child.pid}`)
  await child.stop()
  expect(calls).toEqual([
    ['allocate', 'app'],
    ['release', socket],
  ])
})

const BAD_ALLOCATORS: Record<string, { allocate: () => unknown; says: RegExp }> = {
  throws: {
    allocate: () => {
      throw new Error('no more addresses')
    },
    says: /no more addresses/,
  },
  rejects: {
    allocate: async () => Promise.reject(new Error('no more addresses')),
    says: /no more addresses/,
  },
  'returns nothing': {
    allocate: () => undefined,
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
  'returns an object': {
    allocate: () => ({}),
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
  'returns an empty path': {
    allocate: () => '',
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
  'returns a path with a NUL': {
    allocate: () => '/tmp/a\0b',
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
  'returns a path that the system would truncate': {
    allocate: () => `/tmp/${'a'.repeat(120)}`,
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
  'returns a negative port': {
    allocate: () => -1,
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
  'returns port 0': {
    allocate: () => 0,
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
  'returns a port that is too high': {
    allocate: () => 65_536,
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
  'returns a fractional port': {
    allocate: () => 8000.5,
    says: /must return a socket path of at most 103 bytes or a port number/,
  },
}

for (const [what, { allocate, says }] of Object.entries(BAD_ALLOCATORS)) {
  test(`an allocator that ${what} is a clear error of the child, and nothing is spawned`, async () => {
    const released: unknown[] = []
    const listen = { allocate, release: (address: unknown) => released.push(address) } as Allocator
    const child = newSpinner({ attempts: 1 }).start({ name: 'app', script: fixture('hello.js'), listen })
    const error = await rejectionOf(child)
    expect(error.message).toMatch(says)
    expect(error).toMatchObject({ child: 'app', attempts: 1 })
    expect(child.info()).toMatchObject({ state: 'faulted', startedAt: null })
    await child.stop()
    expect(released).toEqual([])
  })
}

test('an allocator whose release throws or rejects is an error event, and the child stops', async () => {
  for (const release of [() => Promise.reject(new Error('no')), () => expect.unreachable('no')]) {
    const socket = path.join(newFolder(), 'mine.sock')
    const child = newSpinner().start({
      script: fixture('hello.js'),
      listen: { allocate: () => socket, release },
    })
    const errors: Error[] = []
    child.on('error', (error) => errors.push(error))
    await child
    await child.stop()
    await until(() => errors.length > 0)
    expect(child.state).toBe('stopped')
    expect(errors).toHaveLength(1)
  }
})
