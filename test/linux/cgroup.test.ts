import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { Cgroup, Cgroups } from '../../src/linux/cgroup.ts'
import { folderIn, parseCgroupMounts, parseCgroupPath, parsePids } from '../../src/linux/cgroup-mount.ts'
import { readStat } from '../../src/linux/processes.ts'
import { viaCgroupShell } from '../../src/process/shell-launcher.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { lives } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { newFolder, next, until } from '../support/host.ts'

const failing = (code: string) => (): never => {
  throw Object.assign(new Error(code), { code })
}

/** The real files, but for those whose path ends with one of these. */
const filesWith = (texts: Readonly<Record<string, () => string>>): typeof fs.readFileSync =>
  ((file: string, encoding: 'utf8') => {
    const found = Object.keys(texts).find((end) => String(file).endsWith(end))
    return found === undefined ? fs.readFileSync(file, encoding) : texts[found]?.()
  }) as typeof fs.readFileSync

const sysWithFiles = (changes: Partial<typeof fs>): Sys => sysWith({ fs: { ...fs, ...changes } })

describe('where the cgroup of the host is', () => {
  const row = (root: string, point: string, type = 'cgroup2'): string =>
    `41 31 0:38 ${root} ${point} rw,relatime shared:9 master:1 - ${type} cgroup2 rw,nsdelegate`

  test('is read from the mounts of type cgroup2 alone, with escaped blanks', () => {
    const text = [
      row('/', '/sys/fs/cgroup/memory', 'cgroup'),
      row('/', '/sys/fs/cgroup'),
      row('/a\\040b', '/mnt\\134x\\011y'),
      '',
    ].join('\n')
    expect(parseCgroupMounts(text)).toEqual([
      { root: '/', point: '/sys/fs/cgroup' },
      { root: '/a b', point: '/mnt\\x\ty' },
    ])
  })

  test('is told by the row of the one tree, among those of the older trees', () => {
    expect(parseCgroupPath('9:name=systemd:/old\n4:memory:/a\n0::/user.slice/a b.scope\n')).toBe(
      '/user.slice/a b.scope',
    )
    expect(parseCgroupPath('9:name=systemd:/old\n')).toBe(null)
  })

  test.each([
    ['/', '/sys/fs/cgroup', '/', '/sys/fs/cgroup'],
    ['/', '/sys/fs/cgroup', '/a/b', '/sys/fs/cgroup/a/b'],
    ['/docker/1', '/sys/fs/cgroup', '/docker/1', '/sys/fs/cgroup'],
    ['/docker/1', '/sys/fs/cgroup', '/docker/1/in', '/sys/fs/cgroup/in'],
    ['/docker/1', '/sys/fs/cgroup', '/docker/12', null],
    ['/docker/1', '/sys/fs/cgroup', '/', null],
    ['/..', '/sys/fs/cgroup', '/', null],
    ['/', '/sys/fs/cgroup', '/../other', null],
  ])('of a mount that shows %s at %s, the cgroup %s is at %s', (root, point, cgroup, folder) => {
    expect(folderIn({ root, point }, cgroup)).toBe(folder)
  })

  test('a process of a foreign PID namespace, which is a 0, is no pid', () => {
    expect(parsePids('12\n0\n13\n')).toEqual([12, 13])
  })

  test('the parsers take any text without a throw, and give absolute folders and pids alone', () => {
    const parts = fc.constantFrom(
      ' ',
      '\n',
      '/',
      '/a',
      '..',
      '\\040',
      '\\777',
      ' - cgroup2 ',
      '0::/',
      '0',
      '7',
    )
    const garbage = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(parts).map((all) => all.join('')),
    )
    fc.assert(
      fc.property(garbage, garbage, (text, other) => {
        expect(parsePids(text).every((pid) => Number.isSafeInteger(pid) && pid > 0)).toBe(true)
        const cgroup = parseCgroupPath(other) ?? '/'
        for (const mount of parseCgroupMounts(`${text}\n1 2 0:3 ${other} - cgroup2 x y`)) {
          const folder = folderIn(mount, cgroup)
          expect(folder === null || folder.startsWith('/')).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('whatever a mount point is called, its name is read back', () => {
    const escaped = (name: string): string =>
      name.replace(/[ \t\n\\]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`)
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        expect(parseCgroupMounts(row('/', escaped(`/${name}`)))).toEqual([{ root: '/', point: `/${name}` }])
      }),
    )
  })
})

/** A folder that looks like a cgroup of this process. */
function pretended(changes: Partial<typeof fs> = {}, others: Partial<Sys> = {}): [sys: Sys, folder: string] {
  const folder = newFolder()
  fs.writeFileSync(path.join(folder, 'cgroup.procs'), `1\n${process.pid}\n`)
  const readFileSync = filesWith({
    '/self/mountinfo': () => `1 1 0:1 / ${folder} rw - cgroup2 none rw\n`,
    '/self/cgroup': () => '0::/\n',
  })
  const sys = sysWithFiles({ readFileSync, ...changes })
  return [{ ...sys, kill: () => {}, ...others, platform: others.platform ?? 'linux' }, folder]
}

/** Greater than any pid that there is, so that nothing is ever moved by mistake. */
const NOBODY = 2 ** 30

describe.runIf(process.platform !== 'win32')('without a cgroup that can be written', () => {
  test('none is made on another platform', () => {
    expect(new Cgroups(pretended({}, { platform: 'darwin' })[0], 'id').make()).toBe(null)
  })

  test.each<[string, Partial<typeof fs>]>([
    ['may not be written (EACCES)', { accessSync: failing('EACCES') }],
    ['is mounted for reading only (EROFS)', { accessSync: failing('EROFS') }],
    ['takes no folder (EROFS)', { mkdirSync: failing('EROFS') }],
    ['holds as many as it may (EAGAIN)', { mkdirSync: failing('EAGAIN') }],
    ['is mounted nowhere', { readFileSync: filesWith({ mountinfo: () => '' }) }],
    ['is not told of', { readFileSync: filesWith({ mountinfo: failing('EACCES') }) }],
  ])('none is made when it %s, and nothing is left there', (_, changes) => {
    const [sys, folder] = pretended(changes)
    const cgroups = new Cgroups(sys, 'id')
    expect(cgroups.make()).toBe(null)
    cgroups.close()
    expect(fs.readdirSync(folder)).toEqual(['cgroup.procs'])
  })

  test('a folder where the host itself does not live is not taken for its cgroup', () => {
    const [sys, folder] = pretended()
    fs.writeFileSync(path.join(folder, 'cgroup.procs'), '1\n')
    expect(new Cgroups(sys, 'id').make()).toBe(null)
  })

  test('it is looked for at the first use, and once', () => {
    let looks = 0
    const mountinfo = (): string => {
      looks++
      return ''
    }
    const cgroups = new Cgroups(pretended({ readFileSync: filesWith({ mountinfo }) })[0], 'id')
    expect(looks).toBe(0)
    for (let i = 0; i < 3; i++) cgroups.make()
    expect(looks).toBe(1)
  })

  test('what cannot be looked at counts as alive, and what is gone does not', () => {
    const [folder, events] = [newFolder(), (code: string) => filesWith({ 'cgroup.events': failing(code) })]
    expect(new Cgroup(sysWithFiles({ readFileSync: events('EMFILE') }), folder).isEmpty()).toBe(false)
    expect(new Cgroup(sysWithFiles({ readFileSync: events('ENODEV') }), folder).isEmpty()).toBe(true)
    expect(new Cgroup(realSys, path.join(folder, 'none')).isEmpty()).toBe(true)
  })

  test('a busy cgroup is not removed, and one that is gone is', () => {
    const folder = newFolder()
    expect(new Cgroup(sysWithFiles({ rmdirSync: failing('EBUSY') }), folder).remove()).toBe(false)
    expect(new Cgroup(realSys, folder).remove()).toBe(true)
    expect(new Cgroup(realSys, folder).remove()).toBe(true)
  })

  test('H4 neither the host nor a 0 counts as a member, or is killed as one', () => {
    const folder = newFolder()
    fs.writeFileSync(path.join(folder, 'cgroup.procs'), `0\n1\n${process.pid}\n${NOBODY}\n`)
    const sent: unknown[] = []
    const sys = { ...sysWithFiles({ writeFileSync: failing('ENOENT') }) }
    const cgroup = new Cgroup({ ...sys, kill: (...call) => void sent.push(call) }, folder)
    expect(cgroup.members()).toEqual([NOBODY])
    cgroup.kill()
    expect(sent).toEqual([[NOBODY, 'SIGKILL']])
  })
})

/** With a blank, which the list of mounts escapes. */
const mounted = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'spinner-test-')), 'with a blank')
fs.mkdirSync(mounted)
const isMounted =
  process.platform === 'linux' && spawnSync('mount', ['-t', 'cgroup2', 'none', mounted]).status === 0
if (!isMounted) console.warn('tests of cgroups are skipped, since cgroup2 cannot be mounted here')

afterAll(() => {
  if (isMounted) spawnSync('umount', [mounted])
  fs.rmdirSync(mounted)
  fs.rmdirSync(path.dirname(mounted))
})

/** The real outside world, where the only cgroup2 tree is the one that this file has mounted. */
const mountinfo = (): string =>
  fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((row) => row.includes(path.basename(path.dirname(mounted))))
    .join('\n')
const treeSys = (changes: Partial<typeof fs> = {}): Sys =>
  sysWithFiles({ readFileSync: filesWith({ '/self/mountinfo': mountinfo }), ...changes })

let made = 0

/** Cgroups that the end of the test empties and removes, and fails if it cannot. */
function newCgroups(sys: Sys = treeSys()): Cgroups {
  const cgroups = new Cgroups(sys, `test-${process.pid}-${made++}`)
  onTestFinished(async () => {
    const { folder } = cgroups
    if (folder === null) throw new Error('no folder')
    await emptied(new Cgroup(realSys, folder))
    cgroups.close()
    expect(fs.existsSync(folder)).toBe(false)
  })
  return cgroups
}

async function emptied(cgroup: Cgroup): Promise<void> {
  await until(() => {
    cgroup.kill()
    return cgroup.isEmpty()
  }, 'the end of all members')
}

interface Launched {
  readonly cgroup: Cgroup
  readonly leader: ChildProcess & { readonly pid: number }
  go(): void
}

/** A shell that has entered a cgroup and runs `script` when it is told to; it leads a session. */
async function launched(cgroups: Cgroups, script: string): Promise<Launched> {
  const cgroup = cgroups.make()
  if (!cgroup) throw new Error('no cgroup')
  const { command, args } = viaCgroupShell(cgroup.folder, {
    command: 'sh',
    args: ['-c', `read go; ${script}`],
  })
  const leader = spawn(command, args, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void leader.kill('SIGKILL'))
  const pid = leader.pid as number
  await until(() => cgroup.members().includes(pid), 'the move')
  return { cgroup, leader: Object.assign(leader, { pid }), go: () => void leader.stdin.write('\n') }
}

/** Daemons that have cleared their environment, left their session and lost their parent. */
const DAEMONS = `env -i setsid sh -c 'sleep 600 & sleep 600' & (env -i setsid sleep 600 &) ; wait`

/** Twenty processes, each of which forks its successor and ends, for ever. */
const STORM =
  'next() { next & }; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do next & done; wait'

const withoutKill = (): Sys => {
  const writeFileSync = ((file: string, text: string) =>
    file.endsWith('cgroup.kill')
      ? failing('ENOENT')()
      : fs.writeFileSync(file, text)) as typeof fs.writeFileSync
  return treeSys({ writeFileSync })
}

describe.runIf(isMounted)('a process in a cgroup of its own', () => {
  test.each([
    ['', treeSys],
    [' of a kernel that knows no cgroup.kill', withoutKill],
  ])(
    'E2c daemons that cleared their environment and left their session die of one kill%s',
    async (_, sys) => {
      const cgroups = newCgroups(sys())
      const { cgroup, go } = await launched(cgroups, DAEMONS)
      go()
      const members = await until(() => {
        const pids = cgroup.members()
        return pids.filter(isSleep).length === 3 ? pids : null
      })
      expect(cgroup.isEmpty()).toBe(false)
      cgroup.kill()
      await until(() => cgroup.isEmpty())
      expect(members.filter(lives)).toEqual([])
      expect(cgroup.remove()).toBe(true)
      cgroups.close()
      expect(fs.existsSync(path.dirname(cgroup.folder))).toBe(false)
    },
  )

  test.each([
    ['', treeSys],
    [' of a kernel that knows no cgroup.kill', withoutKill],
  ])('E2c a storm of forks dies of one kill%s', async (_, sys) => {
    for (let round = 0; round < 5; round++) {
      const { cgroup, go } = await launched(newCgroups(sys()), STORM)
      go()
      await until(() => cgroup.members().length > 10, 'the storm')
      cgroup.kill()
      await until(() => cgroup.isEmpty(), 'the end of the storm')
      expect(cgroup.members()).toEqual([])
    }
  })

  test('H1 what its leader has left behind in another session is still there to be seen and killed', async () => {
    const { cgroup, go, leader } = await launched(newCgroups(), 'setsid sleep 600 <&- >&- & exit 0')
    const exit = next(leader, 'exit')
    go()
    await exit
    const [left] = await until(() => {
      const pids = cgroup.members()
      return pids.some(isSleep) ? pids : null
    })
    expect(cgroup.isEmpty()).toBe(false)
    cgroup.kill()
    await until(() => cgroup.isEmpty())
    expect(lives(left as number)).toBe(false)
  })

  test('E2c nothing leaves it that is started at once by the program', async () => {
    const cgroups = newCgroups()
    for (let round = 0; round < 10; round++) {
      const { cgroup, go } = await launched(cgroups, DAEMONS)
      go()
      await until(() => cgroup.members().filter(isSleep).length === 3, 'three daemons inside')
      await emptied(cgroup)
      expect(cgroup.remove()).toBe(true)
    }
  })

  test.each(['/no/such/folder', '/dev/full'])(
    'a program whose launcher cannot move itself, for %s, runs without a word where it is',
    (procs) => {
      const [, script = ''] = viaCgroupShell('', { command: '', args: [] }).args
      const { status, stderr, stdout } = spawnSync('sh', ['-c', script, procs, 'echo', 'up'])
      expect({ status, stderr: String(stderr), stdout: String(stdout) }).toEqual({
        status: 0,
        stderr: '',
        stdout: 'up\n',
      })
    },
  )

  test('a zombie is no member', async () => {
    const { cgroup, go, leader } = await launched(newCgroups(), 'true & exec sleep 600')
    go()
    await until(() => familyOf(leader.pid).some((pid) => readStat(realSys, pid)?.state === 'Z'), 'a zombie')
    expect(cgroup.members()).toEqual([leader.pid])
  })

  test('what its own children have put into cgroups below it belongs to it, and goes with it', async () => {
    const cgroups = newCgroups()
    const { cgroup, leader } = await launched(cgroups, 'exec sleep 600')
    const { leader: other } = await launched(cgroups, 'exec sleep 600')
    const below = path.join(cgroup.folder, 'spinner-inner/1')
    fs.mkdirSync(below, { recursive: true })
    fs.writeFileSync(path.join(below, 'cgroup.procs'), String(other.pid))
    expect(cgroup.members().sort()).toEqual([leader.pid, other.pid].sort())
    expect(cgroup.remove()).toBe(false)
    cgroups.close()
    expect(fs.existsSync(cgroup.folder)).toBe(true)
    await emptied(cgroup)
    expect(lives(other.pid)).toBe(false)
    cgroups.close()
    expect(fs.existsSync(cgroup.folder)).toBe(false)
  })
})

function isSleep(pid: number): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'latin1') === 'sleep\n'
  } catch {
    return false
  }
}

/** A process, its children and theirs. */
function familyOf(leader: number): number[] {
  const family = [leader]
  const parents = fs
    .readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => readStat(realSys, Number(entry)) ?? [])
  for (const parent of family) {
    for (const { pid, ppid } of parents) if (ppid === parent) family.push(pid)
  }
  return family
}
