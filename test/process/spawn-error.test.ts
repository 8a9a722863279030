import { EventEmitter } from 'node:events'
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { realSys, type Sys } from '../../src/sys.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { FakeClock, sysWith } from '../support/clock.ts'
import { fixture, newFile, newFolder, newSpinner, until } from '../support/host.ts'

/** A program of the test's own. */
function executable(text: string, mode = 0o755, name = 'program'): string {
  const file = newFile(name, text)
  chmodSync(file, mode)
  return file
}

function brokenLink(): string {
  const link = path.join(newFolder(), 'link')
  symlinkSync('/no/such/target', link)
  return link
}

const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`K${index}`, 'x'.repeat(1_000)]))

type Row = [what: string, options: () => Omit<StartOptions, 'name'>, says: RegExp]

const rows: Row[] = [
  [
    'a program that is not on PATH',
    () => ({ command: 'no-such-program' }),
    /'no-such-program' is not on PATH/,
  ],
  [
    'a program and its arguments in one text',
    () => ({ command: 'no-such-program run "' }),
    /is not on PATH\. `command` takes a program without its arguments: command: 'sh', args: \['-c', 'no-such-program run "'\]\.$/,
  ],
  [
    'a line that needs no shell',
    () => ({ command: 'no-such-program run dev' }),
    /is not on PATH\. `command` takes a program without its arguments: command: 'no-such-program', args: \['run', 'dev'\]\.$/,
  ],
  [
    'a path with a space in it to a program whose interpreter does not exist',
    () => ({ command: executable('#!/no/such/interpreter\n', 0o755, 'my program') }),
    /does not exist: #!\/no\/such\/interpreter\.$/,
  ],
  ['a PATH that holds nothing', () => ({ command: 'sleep', env: { PATH: '/no' } }), /'sleep' is not on PATH/],
  ['a path that does not exist', () => ({ command: './no/such' }), /program '\.\/no\/such' does not exist/],
  ['a link to nowhere', () => ({ command: brokenLink() }), /program '.*link' does not exist/],
  ['a missing cwd', () => ({ command: 'sleep', cwd: '/no/such' }), /cwd '\/no\/such' does not exist/],
  [
    'a cwd that is a file',
    () => ({ command: 'sleep', cwd: newFile('a', '') }),
    /cwd '.*\/a' is not a directory/,
  ],
  [
    'an interpreter that does not exist',
    () => ({ command: executable('#!/no/such/interpreter -x\n') }),
    /interpreter of '.*program' does not exist: #!\/no\/such\/interpreter -x/,
  ],
  [
    'a first line with CRLF',
    () => ({ command: executable('#!/bin/sh\r\necho hello\r\n') }),
    /'.*program' has Windows line ends \(CRLF\)/,
  ],
  [
    'a program that is not executable',
    () => ({ command: executable('#!/bin/sh\n', 0o644) }),
    /'.*program' may not be executed/,
  ],
  [
    'a folder in place of a program',
    () => ({ command: newFolder() }),
    /'.*' may not be executed; it must be a program/,
  ],
  [
    'a value that is too large for the environment',
    () => ({ command: 'sleep', env: { LARGE: 'x'.repeat(200_000) } }),
    /arguments and environment are larger than the system takes/,
  ],
  ['too many variables', () => ({ command: 'sleep', env: many }), /larger than the system takes/],
  ['an argument that is too large', () => ({ command: 'sleep', args: ['x'.repeat(200_000)] }), /larger than/],
  ['a missing script', () => ({ script: './no-such.js' }), /script '\/.*\/no-such\.js' does not exist/],
  [
    'a script that the cwd does not hold',
    () => ({ script: 'hello.js', cwd: newFolder() }),
    /script '.*hello\.js' does not exist/,
  ],
  [
    'a script with a missing cwd',
    () => ({ script: fixture('hello.js'), cwd: '/no/such' }),
    /cwd '\/no\/such' does not exist/,
  ],
  ['a user id that no system has', () => ({ command: 'sleep', uid: 2 ** 40 }), /options\.uid/],
]

/** Starts it once and answers with the message, when everything about it happened exactly once. */
async function refusal(options: Omit<StartOptions, 'name'>, sys: Sys = realSys): Promise<string> {
  let spawns = 0
  const spawn: Sys['spawn'] = (...args) => {
    spawns++
    return sys.spawn(...args)
  }
  const spinner = newSpinner({ attempts: 1 }, { ...sys, spawn })
  const heard: string[] = []
  for (const event of ['error', 'faulted', 'exit', 'started', 'stopped'] as const)
    spinner.on(event, () => heard.push(event))
  let calls = 0
  const child = spinner.start({ ...options, name: 'bad' }, () => void calls++)
  const error = await child.then(
    () => expect.fail('it was started'),
    (thrown) => thrown,
  )
  expect(error).toMatchObject({ code: 'ERR_SPINNER_SPAWN', child: 'bad', attempts: 1 })
  expect(error.message).toMatch(/^'bad' could not be spawned: [^\n]+\.$/)
  await until(() => calls > 0)
  // The host lives, and so do its other children.
  await spinner.start({ name: 'good', command: 'sleep', args: ['1000'], listen: null })
  expect(heard).toEqual(['faulted', 'error', 'started'])
  expect(calls).toBe(1)
  expect(spawns).toBeLessThanOrEqual(2)
  expect(child.info()).toMatchObject({ state: 'faulted', pid: null, lastError: error })
  return error.message
}

describe('what cannot be spawned', () => {
  test.each(rows)('H11 %s is one error that says so', async (_what, options, says) => {
    expect(await refusal({ listen: null, ...options() })).toMatch(says)
  })

  test('H11 it makes no difference whether there are a channel, an input and an address', async () => {
    const options = { command: './no/such', ipc: true, stdin: 'pipe' } as const
    expect(await refusal(options)).toMatch(/does not exist/)
  })

  test.each([
    ['an empty program', { command: '' }],
    ['a program with a NUL byte', { command: 'sl\0eep' }],
    ['an argument with a NUL byte', { command: 'sleep', args: ['1\0'] }],
    ['a cwd with a NUL byte', { command: 'sleep', cwd: '/\0' }],
    ['a variable with a NUL byte', { command: 'sleep', env: { A: '\0' } }],
  ])('H11 %s is a wrong option, and nothing is spawned', (_what, options) => {
    const spinner = newSpinner()
    const invalid = expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' })
    expect(() => spinner.start({ ...options, name: 'bad' })).toThrow(invalid)
    expect(spinner.list()).toEqual({})
  })
})

test('H11 a script that may not be read is one error that says so', async () => {
  const script = newFile('app.js', '')
  // The system answers root otherwise, whoever root pretends to be.
  const accessSync = (): never => {
    throw Object.assign(new Error('permission denied'), { code: 'EACCES' })
  }
  const message = await refusal({ script, listen: null }, sysWith({ fs: { ...realSys.fs, accessSync } }))
  expect(message).toContain(`script '${script}' cannot be read (EACCES)`)
})

/** Runs something as a user who may do nothing in particular. Only root can. */
async function asNobody<Value>(action: () => Promise<Value>): Promise<Value> {
  process.setegid?.(65_534)
  process.seteuid?.(65_534)
  try {
    return await action()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

describe.runIf(process.geteuid?.() === 0)('what a host may not do', () => {
  /** A folder that root alone may enter, with a script and a program in it. */
  function closedFolder(): string {
    const folder = newFolder()
    newFile('app.js', '', folder)
    chmodSync(newFile('program', '#!/bin/sh\n', folder), 0o755)
    chmodSync(folder, 0o700)
    return folder
  }

  test('H11 a cwd that may not be entered is one error that says so', async () => {
    const cwd = closedFolder()
    const says = `cwd '${cwd}' cannot be entered (EACCES)`
    expect(await asNobody(() => refusal({ command: 'sleep', cwd, listen: null }))).toContain(says)
    expect(await asNobody(() => refusal({ script: 'app.js', cwd, listen: null }))).toContain(says)
  })

  test('H11 a script that its own user may not read is told with what Node says of it', async () => {
    const script = newFile('app.js', '')
    chmodSync(path.dirname(script), 0o755)
    chmodSync(script, 0o600)
    const spinner = newSpinner({ attempts: 1, uid: 65_534, gid: 65_534, listen: 'port' })
    await expect(spinner.start(script)).rejects.toMatchObject({
      code: 'ERR_SPINNER_EXITED',
      message: expect.stringContaining('EACCES'),
    })
  })

  test('H11 a user that the host may not become is one error that says so', async () => {
    const options = { command: 'sleep', uid: 1, gid: 1, listen: null } as const
    expect(await asNobody(() => refusal(options))).toContain('refused it (EPERM)')
  })
})

/** What Node does when the machine is exhausted: it throws, or it gives a process without a pid. */
const failures: [string, (error: Error) => ReturnType<Sys['spawn']>][] = [
  [
    'thrown',
    (error) => {
      throw error
    },
  ],
  [
    'told by an event',
    (error) => {
      const stillborn = new EventEmitter()
      process.nextTick(() => stillborn.emit('error', error))
      return stillborn as ReturnType<Sys['spawn']>
    },
  ],
]

describe('a machine that is exhausted', () => {
  const exhausted = (): Error => Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' })
  const sleeper = { name: 'a', command: 'sleep', args: ['1000'], listen: null, attempts: 1 } as const

  test.each(failures)('H11 costs time and no attempt, when it is %s', async (_how, fail) => {
    const clock = new FakeClock()
    const times: number[] = []
    const spawn: Sys['spawn'] = (...args) => {
      times.push(clock.now())
      return times.length <= 3 ? fail(exhausted()) : realSys.spawn(...args)
    }
    const spinner = newSpinner({}, sysWith({ clock, spawn }))
    const child = spinner.start(sleeper)
    while (child.state !== 'started') await clock.advance(0.1)
    expect(times).toHaveLength(4)
    for (const [index, at] of times.slice(1).entries())
      expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(1_000)
  })

  test.each(failures)('H11 is given up in the end, when it is %s', async (_how, fail) => {
    const clock = new FakeClock()
    let spawns = 0
    const spawn: Sys['spawn'] = () => {
      spawns++
      return fail(exhausted())
    }
    const spinner = newSpinner({}, sysWith({ clock, spawn }))
    const child = spinner.start(sleeper)
    while (child.state !== 'faulted') await clock.advance(1)
    await expect(child).rejects.toMatchObject({
      code: 'ERR_SPINNER_SPAWN',
      attempts: 10,
      message: expect.stringContaining('EAGAIN'),
    })
    expect(spawns).toBe(10)
  })
})

test('H11 what is missing at the first try may be there at the next', async () => {
  const folder = newFolder()
  const cwd = path.join(folder, 'later')
  const clock = new FakeClock()
  const spinner = newSpinner({}, sysWith({ clock }))
  const child = spinner.start({ name: 'a', command: 'sleep', args: ['1000'], cwd, listen: null, attempts: 2 })
  await until(() => clock.waiting > 0 && child.state === 'starting' && child.info().lastError !== null)
  mkdirSync(cwd)
  while (child.state !== 'started') await clock.advance(0.1)
  expect(child.pid).toBeGreaterThan(1)
})
