import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readCurrent, replace } from '../../../src/nginx/files/atomic-replace.ts'
import type { HeldLock } from '../../../src/nginx/files/lock.ts'
import { takeLock } from '../../../src/nginx/files/lock.ts'
import { realSys, type Sys } from '../../../src/sys.ts'
import { failureOf } from '../../support/children.ts'
import { FakeClock, sysWith } from '../../support/clock.ts'
import { fixture, newFile, newFolder, next, until } from '../../support/host.ts'

const write = async (file: string, text: string): Promise<boolean> =>
  replace(realSys, await readCurrent(realSys, file), text)

/** Long enough that it cannot be written at once. */
const long = (sign: string): string => `${sign.repeat(100_000)}\n`

describe('H45: a file is replaced', () => {
  test('by one of the same mode and owner', async () => {
    const file = newFile('a.conf', 'old')
    chmodSync(file, 0o640)
    if (process.getuid?.() === 0) chownSync(file, 33, 33)
    const { uid, gid } = statSync(file)
    expect(await write(file, 'new \u00e9')).toBe(true)
    expect(readFileSync(file, 'latin1')).toBe('new \u00e9')
    expect(statSync(file)).toMatchObject({ mode: 0o100640, uid, gid })
    expect(readdirSync(path.dirname(file))).toEqual(['a.conf'])
  })

  test('that is new with a mode that everybody may read', async () => {
    const file = path.join(newFolder(), 'a.conf')
    expect(await write(file, 'new')).toBe(true)
    expect(statSync(file).mode).toBe(0o100644)
  })

  test('behind its links, which stay', async () => {
    const folder = newFolder()
    const file = newFile('real.conf', 'old', folder)
    mkdirSync(path.join(folder, 'enabled'))
    const link = path.join(folder, 'enabled', 'a.conf')
    symlinkSync('../real.conf', link)
    await write(link, 'new')
    expect(readFileSync(file, 'latin1')).toBe('new')
    expect(readdirSync(path.dirname(link))).toEqual(['a.conf'])
  })

  test('not when somebody else has changed it since it was read', async () => {
    const file = newFile('a.conf', 'old')
    const before = await readCurrent(realSys, file)
    writeFileSync(file, 'theirs')
    expect(await replace(realSys, before, 'ours')).toBe(false)
    unlinkSync(file)
    expect(await replace(realSys, before, 'ours')).toBe(false)
    const none = await readCurrent(realSys, file)
    writeFileSync(file, 'theirs')
    expect(await replace(realSys, none, 'ours')).toBe(false)
    expect(readFileSync(file, 'latin1')).toBe('theirs')
    expect(readdirSync(path.dirname(file))).toEqual(['a.conf'])
  })

  test('only where it is a file: no folder, pipe, link to nothing, or giant', async () => {
    const folder = newFolder()
    symlinkSync('nowhere', path.join(folder, 'link'))
    writeFileSync(path.join(folder, 'large'), Buffer.alloc(5 * 1024 * 1024))
    expect(await failureOf(write(folder, ''))).not.toBeNull()
    expect((await failureOf(write(path.join(folder, 'link'), '')))?.message).toContain(
      'a symbolic link to nothing',
    )
    expect((await failureOf(write(path.join(folder, 'large'), '')))?.message).toContain('larger than 4 MB')
    expect((await failureOf(write('/dev/null', '')))?.message).toContain('not a regular file')
    expect((await failureOf(write(path.join(folder, 'no/a.conf'), '')))?.code).toBe('ENOENT')
  })

  test('or stays as it was, with nothing beside it, whatever fails', async () => {
    const file = newFile('a.conf', 'old')
    const before = await readCurrent(realSys, file)
    const { promises } = realSys.fs
    const failing = ['open', 'stat', 'rename'] as const
    for (const call of failing) {
      const fails = (): never => {
        throw Object.assign(new Error(call), { code: 'EMFILE' })
      }
      const sys = sysWith({ fs: { ...realSys.fs, promises: { ...promises, [call]: fails } } })
      expect((await failureOf(replace(sys, before, 'new')))?.message).toBe(call)
      expect(readFileSync(file, 'latin1')).toBe('old')
      expect(readdirSync(path.dirname(file))).toEqual(['a.conf'])
    }
  })

  test('while somebody reads it all the time, who meets the old one or the new one', async () => {
    const file = newFile('a.conf', long('a'))
    let reads = 0
    let isOver = false
    const reader = (async () => {
      while (!isOver) {
        const text = await realSys.fs.promises.readFile(file, 'latin1')
        expect(text === long('a') || text === long('b')).toBe(true)
        reads++
      }
    })()
    for (let round = 0; round < 60; round++) expect(await write(file, long(round % 2 ? 'a' : 'b'))).toBe(true)
    isOver = true
    await reader
    expect(reads).toBeGreaterThan(10)
  })
})

/** A program that holds the lock of a file and writes it all the time; resolves when it has begun. */
async function newWriter(file: string, under: readonly string[] = []): Promise<ChildProcess> {
  const dist = path.join(import.meta.dirname, '../../../dist')
  const [execPath = '', ...execArgv] = [...under, process.execPath]
  const writer = fork(fixture('writes-a-configuration.mjs'), [dist, file], {
    env: { ...process.env, TEST_MARK: String(process.pid) },
    execPath,
    execArgv,
  })
  onTestFinished(() => void writer.kill('SIGKILL'))
  await next(writer, 'message')
  return writer
}

test('H45: whenever a writer is killed, the file is the old one or the new one, and the next one may write', async () => {
  const files = [newFile('a.conf', long('a')), newFile('b.conf', long('a'))]
  const seen = new Set<string>()
  const kill = async (file: string): Promise<void> => {
    const writer = await newWriter(file)
    const exited = next(writer, 'exit')
    await realSys.pause(Math.random() * 20)
    writer.kill('SIGKILL')
    await exited
    const text = readFileSync(file, 'latin1')
    expect(text === long('a') || text === long('b')).toBe(true)
    seen.add(text)
    // The lock, and one file that was not finished.
    expect(readdirSync(path.dirname(file)).length).toBeLessThanOrEqual(3)
  }
  const many = async (file: string): Promise<void> => {
    for (let round = 0; round < 100; round++) await kill(file)
  }
  await Promise.all(files.map(many))
  expect(seen.size).toBe(2)
  for (const file of files) {
    const lock = await takeLock(realSys, file)
    expect(readdirSync(path.dirname(file))).toHaveLength(2)
    lock.release()
    expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)])
  }
}, 240_000)

const takeAndRelease = async (sys: Sys, file: string): Promise<void> => (await takeLock(sys, file)).release()

/** Its pauses between two looks are none. */
const hasty = sysWith({ pause: realSys.nextTurn })

/** A host in a pid namespace of its own, in which no number means what it means here. */
function elsewhere(sys: Sys): Sys {
  const { readlinkSync } = realSys.fs
  const read = ((file: string, ...rest: []) =>
    file === '/proc/self/ns/pid' ? 'pid:[1]' : readlinkSync(file, ...rest)) as typeof readlinkSync
  return { ...sys, fs: { ...realSys.fs, readlinkSync: read } }
}

const isLinux = process.platform === 'linux'
const OWN_NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const [UNSHARE = '', ...UNSHARE_ARGS] = [...OWN_NAMESPACE, 'true']
const canUnshare = spawnSync(UNSHARE, UNSHARE_ARGS).status === 0

describe('H45: the lock of a file', () => {
  test('is had by one at a time, in this process', async () => {
    const file = newFile('a.conf', '')
    const lock = await takeLock(realSys, file)
    expect(await failureOf(takeLock(realSys, file))).toMatchObject({
      code: 'ERR_SPINNER_INVALID_OPTION',
      message: expect.stringContaining('another spinner of this process'),
    })
    lock.release()
    lock.release()
    await takeAndRelease(realSys, file)
  })

  test('is had by one at a time among processes, and free again when that was killed', async () => {
    const file = newFile('a.conf', 'x')
    const writer = await newWriter(file)
    expect((await failureOf(takeLock(realSys, file)))?.message).toContain(
      `process ${writer.pid}, which still runs`,
    )
    const exited = next(writer, 'exit')
    writer.kill('SIGKILL')
    await exited
    await takeAndRelease(realSys, file)
  })

  test('of a dead host is had by exactly one of many who want it at once', async () => {
    const file = newFile('a.conf', '')
    const lock = path.join(path.dirname(file), '.a.conf.spinner-lock')
    for (const left of [
      `spinner-lock ${'0'.repeat(8)} pid:[1] 1 1 ${'0'.repeat(36)}\n`,
      `spinner-lock - - ${process.pid} 1 ${'0'.repeat(36)}\n`,
      'no lock at all',
      '',
    ]) {
      writeFileSync(lock, left)
      const all = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(hasty, file)))
      const won = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      expect(won).toHaveLength(1)
      won[0]?.release()
      expect(readdirSync(path.dirname(file))).toEqual(['a.conf'])
    }
  })

  test('of a dead host is left to whoever took it while another one was about to', async () => {
    const file = newFile('a.conf', '')
    const dead = '0'.repeat(36)
    const name = path.join(path.dirname(file), '.a.conf.spinner-lock')
    writeFileSync(name, `spinner-lock - - 1 1 ${dead}\n`)
    const { promises } = realSys.fs
    let quick: HeldLock | null = null
    const link: typeof promises.link = async (from, to) => {
      // The slow one saw the dead host's lock; the quick one has the file by now.
      if (String(to).endsWith(dead)) quick = await takeLock(hasty, file)
      return promises.link(from, to)
    }
    const slow = sysWith({ ...hasty, fs: { ...realSys.fs, promises: { ...promises, link } } })
    expect((await failureOf(takeLock(slow, file)))?.message).toContain('another spinner of this process')
    expect(readdirSync(path.dirname(file))).toEqual(['.a.conf.spinner-lock', 'a.conf'])
    ;(quick as HeldLock | null)?.release()
  })

  test.runIf(canUnshare)(
    'of a host in another pid namespace is left to that until it is killed',
    async () => {
      const file = newFile('a.conf', 'x')
      const writer = await newWriter(file, OWN_NAMESPACE)
      expect((await failureOf(takeLock(realSys, file)))?.message).toContain(
        'process 1 of another container or machine, which still runs',
      )
      const exited = next(writer, 'exit')
      writer.kill('SIGKILL')
      await exited
      await takeAndRelease(hasty, file)
    },
  )

  test.runIf(isLinux)('of a host elsewhere is left to that while it is touched', async () => {
    const file = newFile('a.conf', '')
    const lock = await takeLock(elsewhere(realSys), file)
    expect((await failureOf(takeLock(realSys, file)))?.message).toContain(
      `process ${process.pid} of another container or machine, which still runs`,
    )
    expect(await lock.isOurs()).toBe(true)
    lock.release()
    expect(readdirSync(path.dirname(file))).toEqual(['a.conf'])
  })

  test.runIf(isLinux)(
    'of a host elsewhere that stands still is taken over, and that one can see it',
    async () => {
      const file = newFile('a.conf', '')
      const clock = new FakeClock()
      const lost = await takeLock(elsewhere(sysWith({ clock })), file)
      const lock = await takeLock(hasty, file)
      expect([await lost.isOurs(), await lock.isOurs()]).toEqual([false, true])
      lost.release()
      expect([await lock.isOurs(), clock.waiting]).toEqual([true, 0])
      lock.release()
      expect(await lock.isOurs()).toBe(false)
    },
  )

  test('is told by its number where there is no /proc', async () => {
    const { readlinkSync } = realSys.fs
    const fails = ((file: string, ...rest: []) => {
      if (file.startsWith('/proc')) throw Object.assign(new Error('no'), { code: 'ENOENT' })
      return readlinkSync(file, ...rest)
    }) as typeof readlinkSync
    const sys = sysWith({ fs: { ...realSys.fs, readlinkSync: fails } })
    const file = newFile('a.conf', '')
    const held = await takeLock(sys, file)
    expect((await failureOf(takeLock(sys, file)))?.message).toContain('of this process')
    held.release()
    const lock = path.join(path.dirname(file), '.a.conf.spinner-lock')
    writeFileSync(lock, `spinner-lock - - 999999999 0 ${'0'.repeat(36)}\n`)
    await takeAndRelease(sys, file)
    await until(() => readdirSync(path.dirname(file)).length === 1)
  })
})
