import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { COOKIE } from '../../src/linux/cookie.ts'
import { readStat } from '../../src/linux/processes.ts'
import { type Leftover, reap } from '../../src/orphans/reaper.ts'
import { StateFile } from '../../src/orphans/state-file.ts'
import { parseState, stateHeader } from '../../src/orphans/state-format.ts'
import { membersOf } from '../../src/process/group.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { lives } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { newFile, newFolder, until } from '../support/host.ts'
import { endAll, marked } from '../support/hosts.ts'
import { Machine } from '../support/machine.ts'

const UUID = '5f1c7d0e-94aa-4c1b-8f0d-0123456789ab'
const OTHER = '5f1c7d0e-94aa-4c1b-8f0d-ba9876543210'

const left = (processes: readonly (readonly [number, number])[] = [], uuid = UUID): Leftover => ({
  file: newFile('state.left', ''),
  uuid,
  processes: new Map(processes),
})

const ended: Promise<unknown>[] = []
afterEach(async () => {
  endAll()
  await Promise.all(ended.splice(0))
  await until(() => marked().length === 0, 'the end of all')
})

interface Started extends ChildProcess {
  readonly pid: number
}

/** A process in a group of its own, with nothing in its environment but a mark of this test and what is given. */
function start(env: NodeJS.ProcessEnv = {}, command = 'sleep', args: readonly string[] = ['600']): Started {
  const all = { PATH: process.env['PATH'], TEST_MARK: String(process.pid), ...env }
  const it = spawn(command, args, {
    detached: true,
    env: all,
    stdio: ['ignore', 'pipe', 'ignore'],
  }) as Started
  ended.push(new Promise((resolve) => it.once('exit', resolve)))
  it.stdout?.resume()
  return it
}

const shell = (script: string, env: NodeJS.ProcessEnv = {}): Started => start(env, 'sh', ['-c', script])

/** The signals that ended them; a parent hears of it later than others see it. */
const endsOf = async (all: readonly Started[]): Promise<unknown[]> => {
  await until(() => all.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null))
  return all.map(({ signalCode }) => signalCode)
}

const startOf = (pid: number): number => readStat(realSys, pid)?.start as number

const record = ({ pid }: Started): readonly [number, number] => [pid, startOf(pid)]

const cookie = (mark = `${UUID}.1`): NodeJS.ProcessEnv => ({ [COOKIE]: mark })

/** The real outside world, and the signals that were sent into it. */
function recording(changes: Partial<Sys> = {}): { sys: Sys; signals: (readonly [number, string | 0])[] } {
  const signals: (readonly [number, string | 0])[] = []
  const kill: Sys['kill'] = (target, signal) => {
    signals.push([target, signal])
    realSys.kill(target, signal)
  }
  return { signals, sys: sysWith({ kill, ...changes }) }
}

const quiet = (message: string): never => {
  throw new Error(`nothing was to be said, but: ${message}`)
}

/** Pids of the processes of this test that run a program. */
const pidsOf = (program: string): number[] =>
  marked().flatMap(({ pid, command }) => (command[0] === program ? [pid] : []))

const ignoresTerm = (pid: number): boolean =>
  /^SigIgn:.*[4-7c-f]...$/m.test(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))

describe.runIf(process.platform === 'linux')('what a dead host left', () => {
  test('is asked to end in the very turn in which reaping begins, by its group', async () => {
    const it = start()
    const { sys, signals } = recording()
    const reaped = reap(sys, [left([record(it)])], quiet)
    expect(signals).toEqual([
      [-it.pid, 'SIGTERM'],
      [-it.pid, 'SIGCONT'],
    ])
    await reaped
    expect(lives(it.pid)).toBe(false)
    expect(await endsOf([it])).toEqual(['SIGTERM'])
  })

  test('is ended with its whole group, whatever that carries', async () => {
    const it = shell('env -i sleep 600 & sleep 600 & wait')
    await until(() => pidsOf('sleep').length === 1)
    await until(() => membersOf(realSys, it.pid).length === 3)
    const pids = membersOf(realSys, it.pid)
    await reap(realSys, [left([record(it)])], quiet)
    expect(pids.filter(lives)).toEqual([])
  })

  test('is ended with its whole group also when the leader obeys and a member does not', async () => {
    const it = shell("trap '' TERM; env -i sleep 600 & trap - TERM; sleep 600 & wait")
    const pids = await until(() => {
      const members = membersOf(realSys, it.pid)
      return pidsOf('sleep').length === 1 && members.length === 3 && members.some(ignoresTerm)
        ? members
        : null
    })
    await reap(realSys, [left([record(it)])], quiet)
    expect(pids.filter(lives)).toEqual([])
    expect(await endsOf([it])).toEqual(['SIGTERM'])
  })

  test('is found by its mark when its leader has gone, or when it left its group', async () => {
    const it = shell('sleep 600 & setsid sleep 600 & sleep 600 & echo up', cookie())
    await until(() => pidsOf('sleep').length === 3 && !lives(it.pid))
    const pids = pidsOf('sleep')
    await reap(realSys, [left()], quiet)
    expect(pids.filter(lives)).toEqual([])
  })

  test('is found by its mark among those of outer and inner spinners', async () => {
    const all = [cookie(`${OTHER}.3/${UUID}.12`), cookie(`${UUID}.1/${OTHER}.1`)].map((env) => start(env))
    await until(() => pidsOf('sleep').length === 2)
    await reap(realSys, [left()], quiet)
    expect(all.filter(({ pid }) => lives(pid))).toEqual([])
  })

  test('is killed when it ignores the polite signal', async () => {
    const all = [shell("trap '' TERM; sleep 600; :"), shell("trap '' TERM; while :; do :; done", cookie())]
    await until(() => all.every(({ pid }) => ignoresTerm(pid)))
    const pids = marked().map(({ pid }) => pid)
    await reap(realSys, [left([record(all[0] as Started)])], quiet)
    expect(pids.filter(lives)).toEqual([])
    expect(await endsOf(all)).toEqual(['SIGKILL', 'SIGKILL'])
  })

  test('H7 is ended when it is stopped', async () => {
    const all = [start(), start(cookie())]
    await until(() => pidsOf('sleep').length === 2)
    for (const { pid } of all) process.kill(pid, 'SIGSTOP')
    await until(() => all.every(({ pid }) => readStat(realSys, pid)?.state === 'T'))
    await reap(realSys, [left([record(all[0] as Started)])], quiet)
    expect(await endsOf(all)).toEqual(['SIGTERM', 'SIGTERM'])
  })

  test('E3c hears the polite signal once', async () => {
    const file = path.join(newFolder(), 'heard')
    const traps = `trap 'echo x >> ${file}' TERM; echo > ${file}-$$; while :; do sleep 0.01; done`
    const all = [shell(traps, cookie()), shell(traps, cookie(`${UUID}.2`))]
    await until(() => all.every(({ pid }) => fs.existsSync(`${file}-${pid}`)))
    await reap(realSys, [left([record(all[0] as Started)])], quiet)
    expect(all.filter(({ pid }) => lives(pid))).toEqual([])
    expect(fs.readFileSync(file, 'latin1')).toBe('x\nx\n')
  })

  test('leaves its file until all of it has ended', async () => {
    const it = shell("trap '' TERM; echo up; sleep 600; :")
    await new Promise((resolve) => it.stdout?.once('data', resolve))
    const what = left([record(it)])
    const seen: boolean[] = []
    const pause: Sys['pause'] = async (ms) => {
      seen.push(fs.existsSync(what.file))
      await realSys.pause(ms)
    }
    await reap(recording({ pause }).sys, [what], quiet)
    expect(seen.length).toBeGreaterThan(0)
    expect(seen).not.toContain(false)
    expect(fs.existsSync(what.file)).toBe(false)
  })

  test('is reaped by a new host from the state file of the dead one', async () => {
    const folder = newFolder()
    const [it, bearer] = [start(), start(cookie())]
    await until(() => pidsOf('sleep').length === 2)
    const dead = StateFile.claim(realSys, folder, UUID, quiet)
    dead?.add(it.pid)
    dead?.close()
    const next = StateFile.claim(realSys, folder, OTHER, quiet)
    await reap(realSys, next?.left ?? [], quiet)
    expect([it, bearer].filter(({ pid }) => lives(pid))).toEqual([])
    expect(fs.readdirSync(folder)).toEqual(['state'])
    next?.close()
    expect(fs.readdirSync(folder)).toEqual([])
  })

  test('H5 E1c 100 decoys whose numbers it had are not hit', async () => {
    const decoys = Array.from({ length: 100 }, () => start())
    const [ours, bearer] = [start(), start(cookie())]
    await until(() => pidsOf('sleep').length === 102)
    const records = decoys.map(({ pid }, index) => [pid, startOf(pid) + (index % 2 ? 1 : -1)] as const)
    const { sys, signals } = recording()
    await reap(sys, [left([...records, record(ours)])], quiet)
    expect(new Set(signals.map(([target]) => target))).toEqual(new Set([-ours.pid, bearer.pid]))
    expect(decoys.filter(({ pid }) => !lives(pid))).toEqual([])
    expect([ours, bearer].filter(({ pid }) => lives(pid))).toEqual([])
  })

  test('H4 nothing else is ever signalled', async () => {
    const environments: NodeJS.ProcessEnv[] = [
      cookie(`${OTHER}.1`),
      cookie(UUID),
      cookie(`x${UUID}.1`),
      { NOTES: `${COOKIE}=${UUID}.1`, [`MY_${COOKIE}`]: `${UUID}.1` },
    ]
    for (const env of environments) start(env)
    start({}, 'sh', ['-c', 'sleep 600; :', `${COOKIE}=${UUID}.1`])
    const member = shell('sleep 600; :')
    await until(() => pidsOf('sleep').length === 6)
    const inner = marked().find(({ parent }) => parent === member.pid)?.pid as number
    const numbers = [0, 1, -1, Number.NaN, 0.5, 2 ** 31, process.pid, inner]
    const own = readStat(realSys, process.pid)
    const records = [...numbers, own?.pgrp ?? 0].map((pid) => {
      const isReal = Number.isSafeInteger(pid) && pid > 0
      return [pid, (isReal && readStat(realSys, pid)?.start) || 0] as const
    })
    const { sys, signals } = recording({ kill: (...signal) => void signals.push(signal) })
    // A host that is itself a descendant of the dead one spares itself and what it has made since.
    start(cookie(`${UUID}.1/${OTHER}.1`))
    await until(() => pidsOf('sleep').length === 7)
    await reap({ ...sys, env: cookie() }, [left(records)], quiet)
    expect(signals).toEqual([])
  })

  test('H9 a zombie is not waited for, and not signalled', async () => {
    const parent = shell('setsid sleep 600 & echo $!; exec sleep 600')
    let said = ''
    parent.stdout?.on('data', (chunk) => {
      said += chunk
    })
    const zombie = Number(await until(() => /^\d+\n/.exec(said)?.[0]))
    await until(() => pidsOf('sleep').length === 2)
    const what = left([[zombie, startOf(zombie)]])
    process.kill(zombie, 'SIGKILL')
    await until(() => readStat(realSys, zombie)?.state === 'Z')
    const { sys, signals } = recording()
    await reap(sys, [what], quiet)
    expect(signals).toEqual([])
    expect(readStat(realSys, zombie)?.state).toBe('Z')
  })
})

describe('reaping', () => {
  test('does nothing, and looks at nothing, where nothing was left', async () => {
    const get = (): never => quiet('a look')
    const fs = new Proxy({}, { get }) as Sys['fs']
    await reap(sysWith({ fs }), [], quiet)
  })

  test('H7 gives up after long with one warning that names who lives, and keeps the file for the next host', async () => {
    const machine = new Machine()
    machine.add(500)
    machine.add(501, { pgrp: 500 })
    machine.add(600, { environ: `${COOKIE}=${UUID}.1\0` })
    const what = left([[500, 5_000]])
    const warnings: string[] = []
    let waited = 0
    const pause = async (ms: number) => {
      waited += ms
    }
    const kill = (): never => {
      throw Object.assign(new Error('not permitted'), { code: 'EPERM' })
    }
    await reap(machine.sysOf(100, { pause, kill }), [what], (message) => warnings.push(message))
    expect(warnings).toEqual([expect.stringContaining('still live (500, 501, 600)')])
    expect(fs.existsSync(what.file)).toBe(true)
    expect(waited).toBe(5_000)
  })

  test('out of descriptors, goes on when it can see again', async () => {
    const machine = new Machine()
    machine.add(500)
    machine.onSignal = () => machine.processes.delete(500)
    let looks = 0
    const readdirSync = ((folder: string) => {
      if (looks++ < 3) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
      return [...machine.processes.keys()].map(String).concat(folder)
    }) as unknown as typeof fs.readdirSync
    const sys = machine.sysOf(100)
    const what = left([[500, 5_000]])
    await reap({ ...sys, fs: { ...sys.fs, readdirSync } }, [what], quiet)
    expect(machine.signals[0]).toEqual([-500, 'SIGTERM'])
    expect(fs.existsSync(what.file)).toBe(false)
  })

  test('out of descriptors to the end, says that nothing could be seen', async () => {
    const machine = new Machine()
    const sys = machine.sysOf(100)
    const readdirSync = (() => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    }) as typeof fs.readdirSync
    const warnings: string[] = []
    await reap({ ...sys, fs: { ...sys.fs, readdirSync } }, [left()], (message) => warnings.push(message))
    expect(warnings).toEqual([expect.stringContaining('cannot be seen')])
  })

  test('H5 a number that another process has got between the signals is not killed', async () => {
    const machine = new Machine()
    machine.add(500)
    machine.add(600, { environ: `${COOKIE}=${UUID}.1\0` })
    machine.onPause = () => {
      machine.add(500, { start: 7 })
      machine.add(600, { start: 7 })
    }
    await reap(machine.sysOf(100), [left([[500, 5_000]])], quiet)
    expect(machine.signals.filter(([, signal]) => signal === 'SIGKILL')).toEqual([])
    expect(machine.signals).toHaveLength(4)
  })

  test('H5 a number that another process has got within one look is not signalled', async () => {
    const machine = new Machine()
    machine.add(600, { environ: `${COOKIE}=${UUID}.1\0` })
    const sys = machine.sysOf(100)
    const readFileSync = (file: string, encoding: 'latin1') => {
      const text = sys.fs.readFileSync(file, encoding)
      if (file.endsWith('600/environ')) machine.add(600, { start: 7 })
      return text
    }
    await reap({ ...sys, fs: { ...sys.fs, readFileSync } as unknown as Sys['fs'] }, [left()], quiet)
    expect(machine.signals).toEqual([])
  })

  test('H5 a leader whose number another process has got within one look is not signalled', async () => {
    const machine = new Machine()
    machine.add(500)
    const sys = machine.sysOf(100)
    let reads = 0
    const readFileSync = (file: string, encoding: 'latin1') => {
      const text = sys.fs.readFileSync(file, encoding)
      if (file === '/proc/500/stat' && ++reads === 2) machine.add(500, { start: 7 })
      return text
    }
    await reap(
      { ...sys, fs: { ...sys.fs, readFileSync } as unknown as Sys['fs'] },
      [left([[500, 5_000]])],
      quiet,
    )
    expect(reads).toBeGreaterThan(2)
    expect(machine.signals).toEqual([])
  })

  test('H4 a process that leads no group does not give away the group of its number', async () => {
    const machine = new Machine()
    machine.add(500, { pgrp: 400 })
    machine.add(501, { pgrp: 500 })
    await reap(machine.sysOf(100), [left([[500, 5_000]])], quiet)
    expect(machine.signals).toEqual([])
  })

  test('H9 the group of a leader that is a zombie is ended', async () => {
    const machine = new Machine()
    machine.add(500, { state: 'Z' })
    machine.add(501, { pgrp: 500 })
    machine.onSignal = () => machine.processes.delete(501)
    await reap(machine.sysOf(100), [left([[500, 5_000]])], quiet)
    expect(machine.signals[0]).toEqual([-500, 'SIGTERM'])
  })

  test('an inner watchdog is waited for, and not disturbed', async () => {
    const machine = new Machine()
    machine.add(600, { environ: `${COOKIE}=${UUID}.1/watchdog\0` })
    let looks = 0
    machine.onPause = () => ++looks > 10 && machine.processes.delete(600)
    await reap(machine.sysOf(100), [left()], quiet)
    expect(machine.signals).toEqual([])
    expect(looks).toBe(11)
  })
})

/** What is there when a damaged file is read: some of what it tells of, and others that have taken the numbers. */
function machineOf(changes: readonly number[]): Machine {
  const machine = new Machine()
  for (const pid of [501, 502, 1_501]) machine.add(pid)
  machine.add(503, { start: 1 })
  machine.add(504, { pgrp: 503 })
  machine.add(505, { environ: `A=b\0${COOKIE}=${UUID}.5\0` })
  machine.add(506, { environ: `${COOKIE}=${OTHER}.5\0` })
  for (const pid of [1, 2, 10, 50, 51, 5]) machine.add(pid)
  let turn = 0
  machine.onPause = () => {
    const pid = changes[turn++ % changes.length] ?? 501
    machine.add(pid, { start: turn })
  }
  machine.onSignal = (target, signal) => {
    if (signal !== 'SIGKILL') return
    for (const { pid, pgrp } of [...machine.processes.values()])
      if (target === pid || target === -pgrp) machine.processes.delete(pid)
  }
  return machine
}

const machine = new Machine()
const FULL = `${stateHeader({ boot: machine.boot, namespace: machine.namespace, pid: 100, start: 1_000 }, UUID)}+ 501 5010\n+ 502 5020\n- 502\n+ 503 5030\n+ 50 500\nclosed\n`

/** Reads a file as the next host does, and fails when a signal goes to whom the file does not prove to be ours. */
async function mustSpareOthers(text: string, changes: readonly number[] = [501]): Promise<boolean> {
  const state = parseState(text)
  if (typeof state === 'string') return false
  const machine = machineOf(changes)
  let wrong: string | null = null
  const effect = machine.onSignal
  machine.onSignal = (target, signal) => {
    const now = machine.processes.get(Math.abs(target))
    const isGroup = target < 0 && now?.pgrp === -target && text.includes(`\n+ ${-target} ${now.start}\n`)
    const isBearer = target > 0 && now?.environ.includes(`${COOKIE}=${state.uuid}.`)
    if (!isGroup && !isBearer && !(signal === 'SIGCONT' && !now)) wrong ??= `${signal} to ${target}`
    effect(target, signal)
  }
  await reap(machine.sysOf(100), [{ file: '/nowhere/state', ...state }], () => {})
  expect(wrong).toBeNull()
  return machine.signals.length > 0
}

describe('H5 a file that is damaged signals nobody who is not proven to be ours', () => {
  test('when it is whole, it signals at all', async () => {
    expect(await mustSpareOthers(FULL)).toBe(true)
  })

  test('however it is cut off', async () => {
    for (let end = 0; end <= FULL.length; end++) await mustSpareOthers(FULL.slice(0, end))
  })

  test('where a number has a zero before it, as nobody writes one', () => {
    const state = parseState(FULL.replace('+ 503 5030', '+ 503 05030'))
    expect(typeof state === 'string' ? [] : [...state.processes.keys()]).not.toContain(503)
  })

  test('whichever bit of it is flipped', async () => {
    let read = 0
    for (let bit = 0; bit < FULL.length * 8; bit++) {
      const bytes = Buffer.from(FULL, 'latin1')
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      if (await mustSpareOthers(bytes.toString('latin1'))) read++
    }
    expect(read).toBeGreaterThan(0)
  })

  const number = fc.constantFrom(
    '0',
    '1',
    '-1',
    '5',
    '50',
    '500',
    '501',
    '502',
    '503',
    '5010',
    '5020',
    '5030',
    '100',
    '1501',
    '15010',
    '99999999',
    '1e3',
    '0x1',
    '',
    'NaN',
  )
  const line = fc.oneof(
    fc.tuple(number, number).map(([pid, start]) => `+ ${pid} ${start}`),
    number.map((pid) => `- ${pid}`),
    fc.constantFrom('closed', '', '+', '501', '+ 501 5010 ', ' + 501 5010', '+ 501  5010', '\0'),
  )
  const head = FULL.split('\n', 1)[0] as string
  const written = fc.array(line, { maxLength: 8 }).map((lines) => `${[head, ...lines].join('\n')}\n`)
  const mutated = fc
    .tuple(fc.nat(FULL.length), fc.nat(12), fc.string({ unit: 'binary', maxLength: 6 }))
    .map(([at, gone, put]) => FULL.slice(0, at) + put + FULL.slice(at + gone))
  const spliced = fc
    .array(fc.tuple(fc.nat(FULL.length), fc.nat(40)), { maxLength: 5 })
    .map((parts) => `${head}\n${parts.map(([at, size]) => FULL.slice(at, at + size)).join('')}\n`)
  const random = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 300 }))
  const changes = fc.array(fc.constantFrom(501, 502, 503, 505, 50), { minLength: 1, maxLength: 4 })

  test('whatever is written in it: 20,000 texts', async () => {
    let acted = 0
    const texts = fc.oneof(
      { weight: 4, arbitrary: written },
      { weight: 3, arbitrary: mutated },
      { weight: 2, arbitrary: spliced },
      random,
    )
    const property = fc.asyncProperty(texts, changes, async (text, changes) => {
      if (await mustSpareOthers(text, changes)) acted++
    })
    await fc.assert(property, { numRuns: 20_000 })
    expect(acted).toBeGreaterThan(2_000)
  })
})
