import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { StateFile } from '../../src/orphans/state-file.ts'
import { parseState, type State, stateHeader } from '../../src/orphans/state-format.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { newFolder } from '../support/host.ts'
import { Machine } from '../support/machine.ts'

const uuidOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

/** A machine with one folder for state files, and what was warned of. */
function newPlace() {
  const machine = new Machine()
  const folder = newFolder()
  const warnings: string[] = []
  return {
    machine,
    folder,
    warnings,
    file: path.join(folder, 'state'),
    names: () => fs.readdirSync(folder).sort(),
    text: () => fs.readFileSync(path.join(folder, 'state'), 'latin1'),
    /** A host claims the file; its uuid has the number of its pid. */
    claim: (pid: number, changes: Partial<Sys> = {}) =>
      StateFile.claim(
        machine.sysOf(pid, changes),
        folder,
        uuidOf(pid),
        (message) => void warnings.push(message),
      ),
    /** The first line of a host's file. */
    head: (pid: number, changes: Partial<State['host']> = {}) =>
      stateHeader(
        { boot: machine.boot, namespace: machine.namespace, pid, start: pid * 10, ...changes },
        uuidOf(pid),
      ),
    /** A host that died with a child. */
    leave: (pid: number) =>
      fs.writeFileSync(
        path.join(folder, 'state'),
        `${stateHeader({ boot: machine.boot, namespace: machine.namespace, pid, start: pid * 10 }, uuidOf(pid))}+ 900 9000\n`,
      ),
  }
}

const fails = (code: string) => (): never => {
  throw Object.assign(new Error(`${code}: it failed`), { code })
}

const withFs = (changes: Partial<typeof fs>): Partial<Sys> => ({ fs: { ...fs, ...changes } })

describe('the state file', () => {
  test('says who the host is, what it spawned and what has gone, for its user alone', () => {
    const { claim, file, machine, head, text, warnings, names } = newPlace()
    const state = claim(100)
    const goners = [501, 502].map((pid) => state?.add(machine.add(pid).pid))
    goners[0]?.()
    expect(text()).toBe(`${head(100)}+ 501 5010\n+ 502 5020\n- 501\n`)
    expect(fs.statSync(file).mode & 0o777).toBe(0o600)
    expect(names()).toEqual(['state'])
    expect(warnings).toEqual([])
    goners[0]?.()
    expect(text()).toBe(`${head(100)}+ 501 5010\n+ 502 5020\n- 501\n`)
    state?.close()
  })

  test('goes with a spinner that has nothing left', () => {
    const { claim, machine, names } = newPlace()
    const state = claim(100)
    state?.add(machine.add(501).pid)()
    state?.close()
    expect(names()).toEqual([])
    state?.close()
    state?.add(501)()
    expect(names()).toEqual([])
  })

  test('stays when the spinner could not end all, and is the next one’s although its host lives', () => {
    const { claim, machine, head, text } = newPlace()
    const state = claim(100)
    state?.add(machine.add(501).pid)
    state?.close()
    expect(text()).toBe(`${head(100)}+ 501 5010\nclosed\n`)
    expect(claim(101)?.left).toMatchObject([{ uuid: uuidOf(100), processes: new Map([[501, 5010]]) }])
  })

  test('is written anew, in one step, when it has grown far beyond what lives', () => {
    const { claim, machine, head, text, names } = newPlace()
    const state = claim(100)
    state?.add(machine.add(501).pid)
    machine.add(502)
    let longest = 0
    for (let round = 0; round < 2_000; round++) {
      state?.add(502)()
      longest = Math.max(longest, text().length)
      expect(parseState(text())).toMatchObject({ processes: new Map([[501, 5010]]) })
    }
    expect(longest).toBeLessThan(20_000)
    expect(text().startsWith(`${head(100)}+ 501 5010\n`)).toBe(true)
    expect(names()).toEqual(['state'])
  })

  test('H5 a number that is used again while the first of that number is still being ended stays recorded', () => {
    const { claim, machine, head, text } = newPlace()
    const state = claim(100)
    const first = state?.add(machine.add(501).pid)
    state?.add(machine.add(501, { start: 7 }).pid)
    first?.()
    expect(text()).toBe(`${head(100)}+ 501 5010\n+ 501 7\n`)
  })

  test('leaves out a process whose start time cannot be read', () => {
    const { claim, head, text, warnings } = newPlace()
    claim(100)?.add(501)()
    expect(text()).toBe(head(100))
    expect(warnings).toEqual([])
  })

  test('is there on Linux only', () => {
    const { claim, names, warnings } = newPlace()
    expect(claim(100, { platform: 'darwin' })).toBeNull()
    expect([...names(), ...warnings]).toEqual([])
  })

  test('is not there when /proc is that of another pid namespace', () => {
    const { claim, machine, folder, warnings, names } = newPlace()
    const sys = machine.sysOf(100)
    expect(StateFile.claim({ ...sys, pid: 101 }, folder, uuidOf(1), (line) => warnings.push(line))).toBeNull()
    expect(warnings).toEqual([expect.stringContaining('another pid namespace')])
    expect(names()).toEqual([])
    expect(claim(100)).not.toBeNull()
  })

  test.runIf(process.platform === 'linux')('works on the real outside world', () => {
    const folder = newFolder()
    const state = StateFile.claim(realSys, folder, uuidOf(1), () => {})
    state?.add(process.pid)
    expect(fs.readFileSync(path.join(folder, 'state'), 'latin1')).toMatch(
      new RegExp(
        `^spinner-state 1 \\S{36} pid:\\[\\d+\\] ${process.pid} (\\d+) ${uuidOf(1)}\\n\\+ ${process.pid} \\1\\n$`,
      ),
    )
    state?.close()
  })
})

describe('a state file that is there already', () => {
  test('of another spinner of this process refuses, and says what to do', () => {
    const { claim, text, head, names } = newPlace()
    const first = claim(100)
    expect(() => claim(100)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPINNER_INVALID_OPTION',
        message:
          '`id` is in use by another spinner of this process (pid 100); close that spinner first, or give another `id`.',
      }),
    )
    expect(text()).toBe(head(100))
    expect(names()).toEqual(['state'])
    first?.close()
    claim(100)?.close()
  })

  test('of another living host refuses, and names it', () => {
    const { claim, warnings, text, head } = newPlace()
    claim(100)
    expect(() => claim(101)).toThrow(/in use by process 100, which still runs \(pid 100\); close/)
    expect(text()).toBe(head(100))
    expect(warnings).toEqual([])
  })

  test.each([
    ['has gone', (machine: Machine) => void machine.processes.delete(100)],
    ['is a zombie', (machine: Machine) => void machine.add(100, { state: 'Z' })],
    ['has given its number to another process', (machine: Machine) => void machine.add(100, { start: 5 })],
  ])('H5 of a host that %s is taken over, and what it left is kept until it is reaped', (_what, end) => {
    const { claim, machine, file, names, head, warnings } = newPlace()
    claim(100)?.add(machine.add(501).pid)
    end(machine)
    const taken = `${file}.left-${uuidOf(100)}`
    const left = [{ file: taken, uuid: uuidOf(100), processes: new Map([[501, 5010]]) }]
    expect(claim(101)?.left).toEqual(left)
    expect(names()).toEqual(['state', path.basename(taken)])
    expect(fs.readFileSync(taken, 'latin1')).toBe(`${head(100)}+ 501 5010\n`)
    machine.processes.delete(101)
    const own = { file: `${file}.left-${uuidOf(101)}`, uuid: uuidOf(101), processes: new Map() }
    expect(claim(102)?.left).toEqual([...left, own])
    expect(warnings).toEqual([])
  })

  test.each([
    ['boot', { boot: uuidOf(7) }],
    ['pid namespace', { namespace: 'pid:[7]' }],
  ])('of another %s is replaced in silence, and nothing of it is acted on', (_what, host) => {
    const { claim, machine, file, head, text, names, warnings } = newPlace()
    machine.add(100)
    fs.writeFileSync(file, `${head(100, host)}+ 501 5010\n`)
    fs.writeFileSync(`${file}.left-${uuidOf(7)}`, `${head(100, host)}+ 501 5010\n`)
    expect(claim(101)?.left).toEqual([])
    expect(text()).toBe(head(101))
    expect(names()).toEqual(['state'])
    expect(warnings).toEqual([])
  })

  test('whose last line is cut off counts without that line', () => {
    const { claim, file, head } = newPlace()
    fs.writeFileSync(file, `${head(100)}+ 501 5010\n+ 502 50`)
    expect(claim(101)?.left).toMatchObject([{ processes: new Map([[501, 5010]]) }])
  })
})

type Plant = (file: string, head: string) => void
const FOREIGN: readonly (readonly [string, string, Plant])[] = [
  [
    'a link to a good one',
    'it is a symbolic link',
    (file, head) => {
      fs.writeFileSync(`${file}-target`, head)
      fs.symlinkSync(`${file}-target`, file)
    },
  ],
  ['a link to nothing', 'it is a symbolic link', (file) => fs.symlinkSync(`${file}-nothing`, file)],
  ['a folder', 'it is a directory', (file) => fs.mkdirSync(file)],
  ['a pipe', 'it is not a regular file', (file) => void execFileSync('mkfifo', [file])],
  [
    'one that others can write to',
    'other users can write to it',
    (file, head) => {
      fs.writeFileSync(file, head)
      fs.chmodSync(file, 0o620)
    },
  ],
  [
    'one of more than 4 MB',
    'it is larger than 4 MB',
    (file, head) => {
      fs.writeFileSync(file, head)
      fs.truncateSync(file, 4 * 1024 * 1024 + 1)
    },
  ],
  ['one that is empty', 'its first line is cut off', (file) => fs.writeFileSync(file, '')],
  [
    'one that is cut off in its first line',
    'its first line is cut off',
    (file, head) => fs.writeFileSync(file, head.slice(0, -1)),
  ],
  [
    'the text of somebody else',
    'its first line is not that of a state file',
    (file) => fs.writeFileSync(file, 'dear diary\n+ 501 5010\n'),
  ],
  [
    'one of a later version',
    'it has version 2, but this spinner reads version 1',
    (file, head) => fs.writeFileSync(file, head.replace(' 1 ', ' 2 ')),
  ],
  [
    'one with a damaged line',
    'its line 3 is damaged',
    (file, head) => fs.writeFileSync(file, `${head}+ 501 5010\n+ 5x2 1\n- 501\n`),
  ],
  [
    'one that tells of pid 0',
    'its line 2 is damaged',
    (file, head) => fs.writeFileSync(file, `${head}+ 0 0\n`),
  ],
]

describe('what stands in the place of the state file', () => {
  const everything = (folder: string): string[] =>
    fs.readdirSync(folder).map((name) => {
      const stat = fs.lstatSync(path.join(folder, name))
      return `${stat.ino} ${stat.size} ${stat.mode}`
    })

  test.each(FOREIGN)('H66 %s is moved aside, with one warning, and not acted on', (_what, why, plant) => {
    const { claim, file, folder, head, text, names, warnings } = newPlace()
    plant(file, head(100))
    const before = everything(folder)
    const state = claim(101)
    expect(state?.left).toEqual([])
    expect(text()).toBe(head(101))
    expect(everything(folder)).toEqual(expect.arrayContaining(before))
    const aside = names().find((name) => name.startsWith('state.aside-')) ?? ''
    expect(warnings).toEqual([
      `The state file '${file}' cannot be trusted: ${why}. It is now '${path.join(folder, aside)}', and spinner does not end the processes that it may list.`,
    ])
  })

  test.each(FOREIGN)(
    'H66 %s that cannot be moved is left, and the spinner goes without a state file',
    (_what, why, plant) => {
      const { claim, file, folder, head, warnings } = newPlace()
      plant(file, head(100))
      const before = everything(folder)
      expect(claim(101, withFs({ renameSync: fails('EPERM') }))).toBeNull()
      expect(everything(folder)).toEqual(before)
      expect(warnings).toEqual([expect.stringContaining(`${why}, and it cannot be moved away (EPERM)`)])
    },
  )

  test('H66 what was left by a host and is damaged is moved aside, and the rest counts', () => {
    const { claim, leave, file, names, warnings } = newPlace()
    leave(100)
    fs.writeFileSync(`${file}.left-${uuidOf(50)}`, 'damaged\n')
    expect(claim(101)?.left).toMatchObject([{ uuid: uuidOf(100) }])
    expect(names().map((name) => name.split('-')[0])).toEqual(['state', 'state.aside', 'state.left'])
    expect(warnings).toHaveLength(1)
  })

  test.runIf(process.getuid?.() === 0)('H66 one of another user is moved aside', () => {
    const { claim, file, head, warnings, text } = newPlace()
    fs.writeFileSync(file, head(100))
    fs.chownSync(file, 65_534, 65_534)
    expect(claim(101)?.left).toEqual([])
    expect(text()).toBe(head(101))
    expect(warnings).toEqual([expect.stringContaining('it belongs to another user')])
  })
})

describe('a disk that fails', () => {
  test.each(['EROFS', 'ENOSPC', 'EACCES', 'EMFILE'])(
    '%s at the start is one warning, and no state file',
    (code) => {
      const { claim, warnings, names } = newPlace()
      expect(claim(100, withFs({ openSync: fails(code) }))).toBeNull()
      expect(warnings).toEqual([expect.stringContaining(code)])
      expect(names()).toEqual([])
    },
  )

  test('of a kind that knows no hard links is one warning, and no state file', () => {
    const { claim, warnings, names } = newPlace()
    expect(claim(100, withFs({ linkSync: fails('EPERM') }))).toBeNull()
    expect(warnings).toEqual([expect.stringContaining('EPERM')])
    expect(names()).toEqual([])
  })

  test('out of descriptors, a good file is not taken for a bad one', () => {
    const { claim, leave, warnings, names } = newPlace()
    leave(100)
    const openSync = ((file: string, ...rest: [number, number]) =>
      file.endsWith('/state') ? fails('EMFILE')() : fs.openSync(file, ...rest)) as typeof fs.openSync
    expect(claim(101, withFs({ openSync }))).toBeNull()
    expect(warnings).toHaveLength(1)
    expect(names()).toEqual(['state'])
    expect(claim(102)?.left).toMatchObject([{ uuid: uuidOf(100) }])
  })

  test('that is full warns once, and what was missed is written when there is room again', () => {
    const { claim, machine, head, text, warnings, names } = newPlace()
    let isFull = false
    const writeSync = ((descriptor: number, text: string) =>
      fs.writeSync(descriptor, isFull ? text.slice(0, 4) : text)) as typeof fs.writeSync
    const state = claim(100, withFs({ writeSync }))
    for (const pid of [501, 502, 503, 504]) machine.add(pid)
    state?.add(501)
    isFull = true
    const end = state?.add(502)
    state?.add(503)
    end?.()
    expect(warnings).toEqual([expect.stringContaining('cannot be written')])
    expect(text()).toBe(`${head(100)}+ 501 5010\n+ 50`)
    isFull = false
    state?.add(504)
    expect(text()).toBe(`${head(100)}+ 501 5010\n+ 503 5030\n+ 504 5040\n`)
    expect(names()).toEqual(['state'])
    expect(warnings).toHaveLength(1)
  })

  test.each(['EROFS', 'ENOSPC', 'EIO'])('%s on every write is one warning, and no throw', (code) => {
    const { claim, machine, warnings } = newPlace()
    let broken = false
    const writeSync = ((descriptor: number, text: string) =>
      broken ? fails(code)() : fs.writeSync(descriptor, text)) as typeof fs.writeSync
    const state = claim(100, withFs({ writeSync }))
    broken = true
    const ends = [501, 502].map((pid) => state?.add(machine.add(pid).pid))
    ends[0]?.()
    state?.close()
    expect(warnings).toEqual([expect.stringContaining(code)])
  })

  test('from which a cleaner took the file gets it again at the next change', () => {
    const { claim, machine, file, head, text, warnings } = newPlace()
    const state = claim(100)
    state?.add(machine.add(501).pid)
    fs.rmSync(file)
    state?.add(machine.add(502).pid)
    expect(text()).toBe(`${head(100)}+ 501 5010\n+ 502 5020\n`)
    expect(warnings).toEqual([])
  })

  test.each(['something', 'nothing'])(
    'on which another file has taken its place keeps that one when %s lives',
    (what) => {
      const { claim, machine, file, text, warnings, names } = newPlace()
      const state = claim(100)
      fs.rmSync(file)
      fs.writeFileSync(file, 'not ours')
      const end = state?.add(machine.add(501).pid)
      if (what === 'nothing') end?.()
      state?.close()
      expect(text()).toBe('not ours')
      expect(names()).toEqual(['state'])
      expect(warnings).toEqual([expect.stringContaining('another file is in its place')])
    },
  )
})
