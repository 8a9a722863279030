import fs from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { expect, onTestFinished, test } from 'vitest'
import { Monitor } from '../../src/monitor/monitor.ts'
import { SharedInterval } from '../../src/schedule/shared-interval.ts'
import type { Clock, Sys } from '../../src/sys.ts'
import type { MonitorSettings } from '../../src/types/options.ts'
import { FakeClock, sysWith } from '../support/clock.ts'
import { newFolder, until } from '../support/host.ts'

const SPEED = 10

/** A clock that runs ten times as fast, so that an interval of a second takes a tenth of one. */
const fastClock: Clock = {
  now: () => performance.now() * SPEED,
  date: () => Date.now(),
  setTimeout: (action, ms) => setTimeout(action, ms / SPEED).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

interface Watch {
  readonly monitor: Monitor
  readonly changes: string[]
  readonly warnings: string[]
  /** Runs `action` and waits for the next reported change. */
  next(action: () => void): Promise<string>
}

/** Creates a monitor of `paths` that has read the existing files. */
async function watchOver(
  paths: string | string[],
  settings: Partial<MonitorSettings> = {},
  replaced: Partial<Sys> = {},
): Promise<Watch> {
  const sys = sysWith({ clock: fastClock, ...replaced })
  const changes: string[] = []
  const warnings: string[] = []
  const all = { paths: [paths].flat(), ignore: [], debounce: 0.5, ...settings }
  const monitor = new Monitor(sys, new SharedInterval(sys.clock), all, '/', {
    changed: (file) => changes.push(file),
    warn: (message) => warnings.push(message),
  })
  onTestFinished(() => monitor.close())
  await monitor.scanned
  const next = async (action: () => void): Promise<string> => {
    action()
    const before = changes.length
    await until(() => changes.length > before, 'a change')
    return changes.at(-1) as string
  }
  return { monitor, changes, warnings, next }
}

let version = 0
const write = (file: string): void => fs.writeFileSync(file, `version ${++version}`)

/** Expects three reports, because a monitor that no longer works can still report one earlier change late. */
async function expectWritesSeen(watch: Watch, file: string): Promise<void> {
  for (let time = 0; time < 3; time++) await watch.next(() => write(file))
}

/** Creates a directory with a file. */
function project(): { folder: string; file: string; parent: string } {
  const parent = newFolder()
  const folder = path.join(parent, 'app')
  fs.mkdirSync(folder)
  const file = path.join(folder, 'main.js')
  write(file)
  return { folder, file, parent }
}

interface Project {
  readonly parent: string
  readonly folder: string
  readonly file: string
}

const remake = ({ folder, file }: Project): void => {
  fs.rmSync(folder, { recursive: true })
  fs.mkdirSync(folder)
  write(file)
}

const SAVES: Record<string, (file: string) => void> = {
  'a plain write': write,
  'a save with a backup, as vim does it': (file) => {
    fs.renameSync(file, `${file}~`)
    write(file)
    fs.unlinkSync(`${file}~`)
  },
  'a rename over the file': (file) => {
    write(`${file}.new`)
    fs.renameSync(`${file}.new`, file)
  },
  'a removal and a new file at once': (file) => {
    fs.unlinkSync(file)
    write(file)
  },
}

for (const [what, save] of Object.entries(SAVES)) {
  for (const root of ['file', 'folder'] as const) {
    test(`H39 ${what} is seen, and a plain write after it, when the ${root} is monitored`, async () => {
      const place = project()
      const watch = await watchOver(place[root])
      expect(await watch.next(() => save(place.file))).toContain(place.file)
      await expectWritesSeen(watch, place.file)
    })
  }
}

for (const root of ['file', 'folder'] as const) {
  test(`H39 a ${root} that is removed and created again later is seen, and a plain write after it`, async () => {
    const place = project()
    const watch = await watchOver(place[root])
    fs.rmSync(place[root], { recursive: true })
    // Not a wait for a result: chokidar treats a shorter removal as part of a save.
    await new Promise((resolve) => setTimeout(resolve, 300))
    await watch.next(() => {
      fs.mkdirSync(place.folder, { recursive: true })
      write(place.file)
    })
    await expectWritesSeen(watch, place.file)
  })
}

const REPLACEMENTS: Record<string, (place: Project) => void> = {
  'a directory that is removed and created again at once': remake,
  'a directory that is renamed and replaced': ({ parent, folder, file }) => {
    fs.mkdirSync(path.join(parent, 'new'))
    fs.renameSync(folder, path.join(parent, 'old'))
    fs.renameSync(path.join(parent, 'new'), folder)
    write(file)
  },
  'a parent directory that is removed and created again': ({ parent, folder, file }) => {
    fs.rmSync(parent, { recursive: true })
    fs.mkdirSync(folder, { recursive: true })
    write(file)
  },
}

for (const [what, replace] of Object.entries(REPLACEMENTS)) {
  for (const root of ['file', 'folder'] as const) {
    test(`H39 ${what} is seen, and a plain write after it, when the ${root} is monitored`, async () => {
      const place = project()
      const watch = await watchOver(place[root])
      await watch.next(() => replace(place))
      await expectWritesSeen(watch, place.file)
    })
  }
}

test('H39 the replacement of a directory below the monitored one is seen, and a plain write after it', async () => {
  const place = project()
  const watch = await watchOver(place.parent)
  await watch.next(() => remake(place))
  await expectWritesSeen(watch, place.file)
})

test('H39 two monitors of one directory both keep working after it is replaced', async () => {
  const place = project()
  const watches = [await watchOver(place.folder), await watchOver(place.parent)]
  const changes = watches.map((watch) => watch.next(() => {}))
  remake(place)
  await Promise.all(changes)
  for (const watch of watches) await expectWritesSeen(watch, place.file)
})

test('H39 a monitor keeps working while another one that has not noticed yet watches the replaced directory', async () => {
  const place = project()
  await watchOver(place.folder, {}, { clock: new FakeClock() })
  const watch = await watchOver(place.folder)
  await watch.next(() => remake(place))
  await expectWritesSeen(watch, place.file)
  for (const name of ['a.js', 'b.js', 'c.js']) await watch.next(() => write(path.join(place.folder, name)))
})

test('H39 a write that happens while the file is being read is seen', async () => {
  const { folder, file } = project()
  let meanwhile = (): void => {}
  const readFileSync = ((of: string) => {
    const content = fs.readFileSync(of)
    meanwhile()
    return content
  }) as typeof fs.readFileSync
  const watch = await watchOver(folder, { debounce: 0 }, { fs: { ...fs, readFileSync } })
  meanwhile = () => {
    meanwhile = () => {}
    write(file)
  }
  // Change only the time, which triggers a read; the write during that read is the only change.
  fs.utimesSync(file, new Date(), new Date())
  await until(() => watch.changes.length > 0, 'the second')
  expect(watch.changes).toEqual([file])
})

test('H39 a swapped symlink is seen, and a plain write in the new directory after it', async () => {
  const { parent, folder } = project()
  const other = path.join(parent, 'other')
  const link = path.join(parent, 'current')
  fs.mkdirSync(other)
  write(path.join(other, 'main.js'))
  fs.symlinkSync(folder, link)
  const watch = await watchOver(link)
  await watch.next(() => {
    fs.symlinkSync(other, `${link}.new`)
    fs.renameSync(`${link}.new`, link)
  })
  await expectWritesSeen(watch, path.join(other, 'main.js'))
})

test('H39 a swap of a symlink to a directory that only lacks a file is seen', async () => {
  const { parent, folder, file } = project()
  const other = path.join(parent, 'other')
  const link = path.join(parent, 'current')
  fs.cpSync(folder, other, { recursive: true })
  write(path.join(folder, 'extra.js'))
  fs.symlinkSync(folder, link)
  const watch = await watchOver(link)
  const change = await watch.next(() => {
    fs.symlinkSync(other, `${link}.new`)
    fs.renameSync(`${link}.new`, link)
  })
  expect(change).toBe(path.join(link, 'extra.js'))
  expect(fs.existsSync(file)).toBe(true)
})

test('H39 a path that does not exist yet is waited for, and its neighbours are ignored', async () => {
  const { folder } = project()
  const late = path.join(folder, 'late.js')
  const watch = await watchOver(late)
  write(path.join(folder, 'neighbour.js'))
  expect(await watch.next(() => write(late))).toBe(late)
  await expectWritesSeen(watch, late)
  expect(new Set(watch.changes)).toEqual(new Set([late]))
})

test('H39 existing files are not reported as new if another path does not exist yet, and changes of both are seen', async () => {
  const { folder, parent } = project()
  const late = path.join(folder, 'below', 'late.js')
  const watch = await watchOver([folder, path.join(parent, 'nothing'), late], { ignore: ['below'] })
  const other = path.join(folder, 'other.js')
  expect(await watch.next(() => write(other))).toBe(other)
  const change = await watch.next(() => {
    fs.mkdirSync(path.dirname(late))
    write(late)
  })
  expect(change).toBe(late)
  await expectWritesSeen(watch, late)
  expect(new Set(watch.changes)).toEqual(new Set([other, late]))
})

test('H39 a path whose parent directories do not exist yet is waited for', async () => {
  const late = path.join(newFolder(), 'a', 'b', 'late.js')
  const watch = await watchOver(late)
  await watch.next(() => {
    fs.mkdirSync(path.dirname(late), { recursive: true })
    write(late)
  })
  await expectWritesSeen(watch, late)
})

const NO_CHANGES: Record<string, (file: string) => void> = {
  'a change of mode': (file) => fs.chmodSync(file, 0o600),
  'a touch': (file) => fs.utimesSync(file, new Date(), new Date()),
  'a write of the same content': (file) => fs.writeFileSync(file, fs.readFileSync(file)),
}

for (const [what, act] of Object.entries(NO_CHANGES)) {
  test(`H40 ${what} is no change, and a write right after it is one`, async () => {
    const { folder, file } = project()
    const other = path.join(folder, 'other.js')
    write(other)
    const watch = await watchOver(folder)
    act(file)
    expect(await watch.next(() => write(other))).toBe(other)
    act(file)
    expect(await watch.next(() => write(file))).toBe(file)
    expect(watch.changes).toEqual([other, file])
    await expectWritesSeen(watch, file)
  })
}

test('H40 a burst of 300 files is reported as one change', async () => {
  const { folder, file } = project()
  const watch = await watchOver(folder, { debounce: 10 })
  const change = await watch.next(() => {
    for (let index = 0; index < 300; index++) write(path.join(folder, `file-${index}.js`))
  })
  expect(change).toContain('and 299 more')
  expect(watch.changes).toHaveLength(1)
  await watch.next(() => write(file))
  expect(watch.changes).toEqual([change, file])
})

test('a new file, a file in a new directory, and the removal of a file are changes', async () => {
  const { folder } = project()
  const watch = await watchOver(folder)
  const fresh = path.join(folder, 'deep', 'down', 'fresh.js')
  await watch.next(() => {
    fs.mkdirSync(path.dirname(fresh), { recursive: true })
    write(fresh)
  })
  expect(watch.changes).toEqual([fresh])
  expect(await watch.next(() => fs.unlinkSync(fresh))).toBe(fresh)
})

test('H40 files that are usually not source, and files that the user ignores, are not monitored', async () => {
  const { folder, file } = project()
  for (const name of ['node_modules', '.git', 'cache', 'build']) fs.mkdirSync(path.join(folder, name))
  const watch = await watchOver(folder, { ignore: ['cache', `${folder}/build`, 'notes.txt', /\.tmp$/g] })
  const left = ['node_modules/a.js', '.git/HEAD', 'all.log', 'cache/a.js', 'build/a.js', 'notes.txt']
  for (const name of [...left, 'a.tmp', 'b.tmp', 'c.tmp']) write(path.join(folder, name))
  expect(await watch.next(() => write(file))).toBe(file)
  expect(watch.changes).toEqual([file])
})

test('a path that is listed is monitored even if the rules would ignore it', async () => {
  const { folder } = project()
  const named = path.join(folder, 'node_modules', 'mine')
  fs.mkdirSync(named, { recursive: true })
  const log = path.join(folder, 'important.log')
  write(log)
  const watch = await watchOver([folder, named, log])
  expect(await watch.next(() => write(path.join(named, 'a.js')))).toBe(path.join(named, 'a.js'))
  expect(await watch.next(() => write(log))).toBe(log)
})

test('a closed monitor reports nothing and leaves no handle', async () => {
  const handles = (): number => process.getActiveResourcesInfo().filter((one) => one === 'FSEventWrap').length
  // Wait until the watchers of earlier tests are closed.
  await until(() => handles() === 0, 'the end of all watchers')
  const { folder, file } = project()
  const watch = await watchOver(folder)
  await until(() => handles() > 0, 'a watcher')
  remake({ folder, file, parent: '' })
  watch.monitor.close()
  await until(() => handles() === 0, 'the end of all watchers')
  write(file)
  expect(watch.changes).toEqual([])
})
