import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Cgroups } from '../../src/linux/cgroup.ts'
import { COOKIE } from '../../src/linux/cookie.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { failureOf, lives, sleeper, watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { fixture, newFile, newFolder, newSpinner, next, until } from '../support/host.ts'
import { endAll, hostProgram, newHost, nothingLives, shell, watchdogs } from '../support/hosts.ts'
import { install } from '../support/installed.ts'

/** In how many rounds everything must be gone. */
const ROUNDS = 10

const canBeUsed = new Cgroups(realSys, 'test').folder !== null
if (!canBeUsed)
  console.warn('children with cgroups are not tested, since no cgroup2 tree can be written here')

const none = ((file: string, encoding: 'utf8') =>
  file.endsWith('mountinfo') ? '' : realSys.fs.readFileSync(file, encoding)) as typeof realSys.fs.readFileSync
/** The real outside world without any cgroup2 tree. */
const bare: Sys = sysWith({ fs: { ...realSys.fs, readFileSync: none } })

/** Two daemons without a mark, whose parents are gone at once: each writes its pid to a file. */
const daemons = (file: string, atTerm = 'exit'): string => {
  const daemon = `env -i setsid sh -c 'trap ${atTerm} TERM; echo $$ >> ${file}; while :; do sleep 0.05; done'`
  return `(${daemon} & ${daemon} &)`
}

const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')
const pidsIn = (file: string): number[] => read(file).split('\n').slice(0, -1).map(Number)

/** Where daemons write their pids; those that a failed test has left are ended by them. */
function pidFile(): string {
  const file = path.join(newFolder(), 'pids')
  onTestFinished(() => {
    for (const pid of pidsIn(file)) if (pid > 1 && lives(pid)) process.kill(pid, 'SIGKILL')
  })
  return file
}

/** The cgroup of a process in the cgroup2 tree. */
const cgroupOf = (pid: number | null): string => /^0::(.*)$/m.exec(read(`/proc/${pid}/cgroup`))?.[1] ?? ''
const hasItsOwn = (pid: number | null): boolean => cgroupOf(pid).includes('/spinner-')
/** The folder of all cgroups of a spinner, by the number that its marks hold. */
const folderOf = (uuid: string): string => new Cgroups(realSys, uuid).folder as string
const uuidIn = (pid: number | null): string => /spinner-([\w-]+)/.exec(cgroupOf(pid))?.[1] ?? ''

/** What a program notices of how it was started, and whether it is in a cgroup of its own. */
const NOTICES = `
const { readFileSync, readdirSync } = require('node:fs')
const { argv, argv0, env, execArgv, ppid, title } = process
const { PWD, ${COOKIE}: mark, ...others } = env
const read = (file) => readFileSync(file, 'latin1')
const [, pgrp, session] = read('/proc/self/stat').split(') ')[1].split(' ').slice(1)
const signals = read('/proc/self/status').match(/^Sig(Blk|Ign|Cgt).*/gm)
const files = readdirSync('/proc/self/fd').length
const facts = { argv, argv0, execArgv, files, others, ppid, signals, title, umask: process.umask() }
const own = { cwd: process.cwd(), leads: pgrp == process.pid && session == process.pid, stdin: read(0) }
console.log(JSON.stringify([read('/proc/self/cgroup').includes('/spinner-'), { ...facts, ...own }]))
`
const ODD_ARGS = ['', ' a  b ', '*', '$0', '`id`', "'", '"', '\\', 'ä\n', '-c', '--']

interface Noticed {
  readonly hasItsOwn: boolean
  readonly facts: Readonly<Record<string, unknown>>
}

async function noticed(spinner: Spinner, options: Partial<StartOptions> = {}): Promise<Noticed> {
  const program = { command: process.execPath, args: ['-e', NOTICES, '--', ...ODD_ARGS] }
  const given = { listen: null, restart: 'never', stdin: 'pipe', ...program, ...options } as const
  const child = spinner.start({ name: 'a', ...given })
  await child
  child.stdin?.end('what is typed')
  const line = await until(() => child.info().output.find((said) => said.startsWith('[')), 'its words')
  await child.stop()
  const [hasItsOwn, facts] = JSON.parse(line)
  return { hasItsOwn, facts }
}

const withOption = (cgroup: boolean, sys?: Sys): Spinner => newSpinner({ cgroup, orphans: 'kill' }, sys)

/** A program of the test's own. */
function executable(text: string, mode = 0o755): string {
  const file = newFile('program', text)
  chmodSync(file, mode)
  return file
}

describe.runIf(canBeUsed)('a child with a cgroup', () => {
  test('notices nothing of its launcher', async () => {
    const cwd = newFolder()
    const [without, has] = [
      await noticed(withOption(false), { cwd }),
      await noticed(withOption(true), { cwd }),
    ]
    expect(has.facts).toEqual(without.facts)
    expect(has.facts).toMatchObject({ cwd, leads: true, stdin: 'what is typed' })
    expect([without.hasItsOwn, has.hasItsOwn]).toEqual([false, true])
  })

  test('speaks with its host as without one', async () => {
    const script = "process.on('message', (it) => process.send(it)); process.send('ready')"
    const child = withOption(true).start({
      name: 'a',
      command: process.execPath,
      args: ['-e', script],
      listen: null,
      ready: 'message',
    })
    await child
    const answer = next(child, 'message')
    expect(await child.send({ a: 1 })).toBe(true)
    expect(await answer).toEqual([{ a: 1 }])
    expect(hasItsOwn(child.pid)).toBe(true)
  })

  test.each([
    ['exit 7', { code: 7, signal: null }],
    ['exit 126', { code: 126, signal: null }],
    ['kill -KILL $$', { code: null, signal: 'SIGKILL' }],
    ['kill -USR1 $$', { code: null, signal: 'SIGUSR1' }],
  ])('ends with %s as without one', async (script, exit) => {
    for (const cgroup of [false, true]) {
      const child = withOption(cgroup).start({ ...shell('a', script), restart: 'never' })
      expect(await next(child, 'exit')).toEqual([exit])
      await child.stop()
    }
  })

  test('gets its stop signal as without one, and ends in its own way', async () => {
    const told = path.join(newFolder(), 'told')
    const script = `trap 'echo TERM >> ${told}; exit 3' TERM; echo up; while :; do sleep 0.01; done`
    const child = withOption(true).start({ ...shell('a', script), ready: { output: /up/ } })
    await child
    const exit = next(child, 'exit')
    await child.stop()
    expect(await exit).toEqual([{ code: 3, signal: null }])
    expect(read(told)).toBe('TERM\n')
  })

  test.each<[string, () => Partial<StartOptions>]>([
    [
      'a path that counts from its cwd',
      () => ({ command: './program', cwd: path.dirname(executable(`#!${process.execPath}\n${NOTICES}`)) }),
    ],
    [
      'a PATH that counts from its cwd',
      () => {
        const folder = path.dirname(executable(`#!${process.execPath}\n${NOTICES}`))
        return { command: 'program', cwd: path.dirname(folder), env: { PATH: path.basename(folder) } }
      },
    ],
  ])('is found by %s', async (_, options) => {
    const given = options()
    const [without, has] = [await noticed(withOption(false), given), await noticed(withOption(true), given)]
    expect(has.facts).toEqual(without.facts)
    expect(has.hasItsOwn).toBe(true)
  })

  test.each<[string, () => Partial<StartOptions>]>([
    ['is not on PATH', () => ({ command: 'no-such-program' })],
    ['does not exist', () => ({ command: './no/such' })],
    ['may not be executed', () => ({ command: executable('#!/bin/sh\n', 0o644) })],
    ['is a folder', () => ({ command: newFolder() })],
    ['has no interpreter', () => ({ command: executable('#!/no/such/interpreter -x\n') })],
    [
      'has an interpreter that has none',
      () => ({ command: executable(`#!${executable('#!/no/such\n')}\n`) }),
    ],
    ['has Windows line ends', () => ({ command: executable('#!/bin/sh\r\necho hello\r\n') })],
    ['has no cwd', () => ({ command: 'sleep', cwd: '/no/such' })],
    ['has too large an environment', () => ({ command: 'sleep', env: { LARGE: 'x'.repeat(200_000) } })],
  ])('gives the same error as without one when its program %s', async (_, options) => {
    const start = { name: 'a', listen: null, args: ['600'], attempts: 1, ...options() }
    const errors = []
    for (const cgroup of [false, true]) {
      const { code, message, cause } = (await failureOf(withOption(cgroup).start(start))) ?? {}
      errors.push({ code, message, cause: (cause as NodeJS.ErrnoException).code })
    }
    expect(errors[0]?.code).toBe('ERR_SPINNER_SPAWN')
    expect(errors[1]).toEqual(errors[0])
  })

  test('E2c leaves no daemon that cleared its environment, forked twice and lost its parents', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const file = pidFile()
      const spinner = withOption(true)
      const child = spinner.start(shell('a', `${daemons(file)}; exec sleep 600`))
      await child
      // From a stop in the middle of it to one when all is quiet.
      await until(() => pidsIn(file).length >= round % 3, 'daemons')
      const uuid = await until(() => uuidIn(child.pid))
      await child.stop()
      const pids = pidsIn(file)
      expect(pids.length).toBeGreaterThanOrEqual(round % 3)
      expect(pids.filter(lives)).toEqual([])
      expect(readdirSync(folderOf(uuid)).filter((name) => /^\d+$/.test(name))).toEqual([])
      await spinner.close()
      expect(existsSync(folderOf(uuid))).toBe(false)
      expect(pidsIn(file)).toEqual(pids)
    }
  })

  test('asks each daemon once, and kills what does not listen at stopTimeout', async () => {
    const file = pidFile()
    const { sys, clock } = watched()
    const child = withOption(true, sys).start(
      shell('a', `${daemons(file, `"echo >> ${file}"`)}; exec sleep 600`),
    )
    await until(() => pidsIn(file).length === 2, 'the daemons')
    const stop = child.stop()
    await until(() => pidsIn(file).length === 4, 'the signals')
    expect(child.state).toBe('stopping')
    await clock.advance(31)
    await stop
    const told = pidsIn(file)
    expect(told.filter((pid) => pid > 0 && lives(pid))).toEqual([])
    expect(told.filter((pid) => pid === 0)).toHaveLength(2)
  })

  test('whose members cannot be seen, as in another PID namespace, is not gone until all of it is killed', async () => {
    const file = pidFile()
    const unseen = ((name: string, encoding: 'utf8') =>
      name.endsWith('/1/cgroup.procs') ? '0\n' : realSys.fs.readFileSync(name, encoding)) as typeof none
    const { sys, clock } = watched({ fs: { ...realSys.fs, readFileSync: unseen } })
    const child = withOption(true, sys).start(shell('a', `${daemons(file)}; exec sleep 600`))
    await until(() => pidsIn(file).length === 2, 'the daemons')
    const stop = child.stop()
    await until(() => !lives(child.pid ?? 0), 'the end of the leader')
    await clock.advance(31)
    await stop
    expect(pidsIn(file).filter(lives)).toEqual([])
  })

  test('that leaves its cgroup by itself is found by its mark', async () => {
    const file = pidFile()
    const own = path.dirname(folderOf('any'))
    const script = `echo 0 > '${own}/cgroup.procs'; (setsid sh -c 'echo $$ >> ${file}; exec sleep 600' &); exec sleep 600`
    const spinner = withOption(true)
    const child = spinner.start(shell('a', script))
    const [stray = 0] = await until(() => (pidsIn(file).length > 0 ? pidsIn(file) : null), 'the stray')
    expect([hasItsOwn(stray), lives(stray)]).toEqual([false, true])
    await child.stop()
    expect(lives(stray)).toBe(false)
  })

  test.each<[string, () => Partial<StartOptions>]>([
    ['a variable has a name that shells drop', () => ({ env: { 'a-b': '1', é: '2' } })],
    ['a variable belongs to shells', () => ({ env: { OPTIND: 'x' } })],
    ['it has a user of its own', () => ({ uid: process.getuid?.() ?? 0 })],
    ['it has a group of its own', () => ({ gid: process.getgid?.() ?? 0 })],
  ])('has none when %s, and is the same', async (_, options) => {
    const given = options()
    const [without, has] = [await noticed(withOption(false), given), await noticed(withOption(true), given)]
    expect(has.facts).toEqual(without.facts)
    expect(has.hasItsOwn).toBe(false)
  })
})

describe.runIf(process.platform === 'linux')('without a cgroup2 tree that can be written', () => {
  test('a child is the same as without the option, and leaves nothing either', async () => {
    const [without, has] = [await noticed(withOption(false, bare)), await noticed(withOption(true, bare))]
    expect(has).toEqual(without)
    expect(has.hasItsOwn).toBe(false)
    const file = pidFile()
    const child = withOption(true, bare).start(
      shell('a', `(setsid sh -c 'echo $$ >> ${file}; exec sleep 600' &); exec sleep 600`),
    )
    const [stray = 0] = await until(() => (pidsIn(file).length > 0 ? pidsIn(file) : null), 'the stray')
    await child.stop()
    expect(lives(stray)).toBe(false)
  })

  test('a child that cannot be launched by a shell, since there is none, is spawned directly', async () => {
    const statSync = ((file: string) =>
      realSys.fs.statSync(file === '/bin/sh' ? '/no/sh' : file)) as typeof realSys.fs.statSync
    const { facts, hasItsOwn } = await noticed(withOption(true, sysWith({ fs: { ...realSys.fs, statSync } })))
    expect(facts).toMatchObject({ leads: true })
    expect(hasItsOwn).toBe(false)
  })
})

describe.runIf(canBeUsed)('the cgroups of a host', () => {
  const program = hostProgram(install())
  const options = { cgroup: true }

  test('E2c are empty and gone after its SIGKILL, whatever its children have left by then', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const file = pidFile()
      const children = [shell('a', `${daemons(file, ':')}; exec sleep 600`), sleeper('b')]
      const host = await newHost(program, { options, children })
      const [watchdog] = await until(
        () => (watchdogs(host.pid).length > 0 ? watchdogs(host.pid) : null),
        'a watchdog',
      )
      // From a death before the first spawn, or at it, to one when all is quiet.
      await until(() => pidsIn(file).length >= round % 3, 'daemons')
      host.process.kill('SIGKILL')
      await host.ended
      await nothingLives([watchdog?.pid ?? 0])
      expect(pidsIn(file).filter(lives)).toEqual([])
      const uuid = watchdog?.command.find((word) => word.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1)
      expect(existsSync(folderOf(uuid ?? ''))).toBe(false)
    }
  })

  test('H2 are known to the watchdog that took the place of a killed one', async () => {
    const file = pidFile()
    const host = await newHost(program, {
      options,
      children: [shell('a', `${daemons(file)}; exec sleep 600`)],
    })
    await until(() => pidsIn(file).length === 2, 'the daemons')
    const uuid = uuidIn(pidsIn(file)[0] ?? null)
    const [first] = watchdogs(host.pid)
    process.kill(first?.pid as number, 'SIGKILL')
    const second = await until(() => watchdogs(host.pid).find(({ pid }) => pid !== first?.pid), 'another')
    host.process.kill('SIGKILL')
    await host.ended
    await nothingLives([second.pid])
    expect(pidsIn(file).filter(lives)).toEqual([])
    expect(existsSync(folderOf(uuid))).toBe(false)
  })

  test.each([0, 30])(
    'that is itself a child go with it, and so do its sockets, at a stopTimeout of %i',
    async (stopTimeout) => {
      const file = pidFile()
      const children: StartOptions[] = [
        { script: fixture('hello.js') },
        shell('a', `${daemons(file)}; exec sleep 600`),
      ]
      const env = { HOST: JSON.stringify({ options, children }), TMPDIR: newFolder(), XDG_RUNTIME_DIR: '' }
      const spinner = withOption(true)
      const child = spinner.start({
        name: 'host',
        script: program,
        env,
        stopTimeout,
        listen: null,
        ipc: true,
        monitor: null,
      })
      await child
      await until(() => pidsIn(file).length === 2 && readdirSync(env.TMPDIR).length > 0, 'all of it')
      const inner = uuidIn(child.pid)
      expect(cgroupOf(pidsIn(file)[0] ?? null).match(/spinner-/g)).toHaveLength(2)
      await child.stop()
      expect(pidsIn(file).filter(lives)).toEqual([])
      expect(readdirSync(env.TMPDIR)).toEqual([])
      await spinner.close()
      expect(existsSync(folderOf(inner))).toBe(false)
      endAll()
    },
  )
})
