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

const HASTE = 10

/** A clock that runs ten times as fast: what is paced by the second takes a tenth of one. */
const hasty: Clock = {
  now: () => performance.now() * HASTE,
  date: () => Date.now(),
  setTimeout: (action, ms) => setTimeout(action, ms / HASTE).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

interface Watch {
  readonly monitor: Monitor
  readonly told: string[]
  readonly warnings: string[]
  /** Waits until one more change is told than when it was called. */
  more(action: () => void): Promise<string>
}

/** A monitor over `paths` that has seen what is there. */
async function watchOver(
  paths: string | string[],
  settings: Partial<MonitorSettings> = {},
  changes: Partial<Sys> = {},
): Promise<Watch> {
  const sys = sysWith({ clock: hasty, ...changes })
  const told: string[] = []
  const warnings: string[] = []
  const all = { paths: [paths].flat(), ignore: [], debounce: 0.5, ...settings }
  const monitor = new Monitor(sys, new SharedInterval(sys.clock), all, '/', {
    changed: (file) => told.push(file),
    warn: (message) => warnings.push(message),
  })
  onTestFinished(() => monitor.close())
  await monitor.scanned
  const more = async (action: () => void): Promise<string> => {
    action()
    const before = told.length
    await until(() => told.length > before, 'a change')
    return told.at(-1) as string
  }
  return { monitor, told, warnings, more }
}

let version = 0
const write = (file: string): void => fs.writeFileSync(file, `version ${++version}`)

/** A deaf monitor may tell late of what the script did, but not three times. */
async function seesPlainWrites(watch: Watch, file: string): Promise<void> {
  for (let time = 0; time < 3; time++) await watch.more(() => write(file))
}

/** A folder with a file in it. */
function project(): { folder: string; file: string; parent: string } {
  const parent = newFolder()
  const folder = path.join(parent, 'app')
  fs.mkdirSync(folder)
  const file = path.join(folder, 'main.js')
  write(file)
  return { folder, file, parent }
}

interface Place {
  readonly parent: string
  readonly folder: string
  readonly file: string
}

const remake = ({ folder, file }: Place): void => {
  fs.rmSync(folder, { recursive: true })
  fs.mkdirSync(folder)
  write(file)
}

const SAVES: Record<string, (file: string) => void> = {
  'a plain write': write,
  'a save by way of a backup, as vim does it': (file) => {
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
      expect(await watch.more(() => save(place.file))).toContain(place.file)
      await seesPlainWrites(watch, place.file)
    })
  }
}

for (const root of ['file', 'folder'] as const) {
  test(`H39 a ${root} that is removed and made again later is seen, and a plain write after it`, async () => {
    const place = project()
    const watch = await watchOver(place[root])
    fs.rmSync(place[root], { recursive: true })
    // A part of the script, not a wait: within less, chokidar takes a removal for a part of a save.
    await new Promise((resolve) => setTimeout(resolve, 300))
    await watch.more(() => {
      fs.mkdirSync(place.folder, { recursive: true })
      write(place.file)
    })
    await seesPlainWrites(watch, place.file)
  })
}

const REPLACEMENTS: Record<string, (place: Place) => void> = {
  'a folder that is removed and made again in one go': remake,
  'a folder that is renamed away and replaced': ({ parent, folder, file }) => {
    fs.mkdirSync(path.join(parent, 'new'))
    fs.renameSync(folder, path.join(parent, 'old'))
    fs.renameSync(path.join(parent, 'new'), folder)
    write(file)
  },
  'a parent folder that is removed and made again': ({ parent, folder, file }) => {
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
      await watch.more(() => replace(place))
      await seesPlainWrites(watch, place.file)
    })
  }
}

test('H39 a folder below the monitored one that is replaced in one go is seen, and a plain write after it', async () => {
  const place = project()
  const watch = await watchOver(place.parent)
  await watch.more(() => remake(place))
  await seesPlainWrites(watch, place.file)
})

test('H39 two monitors of one folder both see on after it is replaced', async () => {
  const place = project()
  const watches = [await watchOver(place.folder), await watchOver(place.parent)]
  const changes = watches.map((watch) => watch.more(() => {}))
  remake(place)
  await Promise.all(changes)
  for (const watch of watches) await seesPlainWrites(watch, place.file)
})

test('H39 a monitor sees on while another one, which has not noticed yet, holds the folder that was replaced', async () => {
  const place = project()
  await watchOver(place.folder, {}, { clock: new FakeClock() })
  const watch = await watchOver(place.folder)
  await watch.more(() => remake(place))
  await seesPlainWrites(watch, place.file)
  for (const name of ['a.js', 'b.js', 'c.js']) await watch.more(() => write(path.join(place.folder, name)))
})

test('H39 a write that comes while the one before it is looked at is seen', async () => {
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
  // Only the second of the two is a change.
  fs.utimesSync(file, new Date(), new Date())
  await until(() => watch.told.length > 0, 'the second')
  expect(watch.told).toEqual([file])
})

test('H39 a symlink that is swapped is seen, and a plain write in the new folder after it', async () => {
  const { parent, folder } = project()
  const other = path.join(parent, 'other')
  const link = path.join(parent, 'current')
  fs.mkdirSync(other)
  write(path.join(other, 'main.js'))
  fs.symlinkSync(folder, link)
  const watch = await watchOver(link)
  await watch.more(() => {
    fs.symlinkSync(other, `${link}.new`)
    fs.renameSync(`${link}.new`, link)
  })
  await seesPlainWrites(watch, path.join(other, 'main.js'))
})

test('H39 a swap of a symlink to a folder that only lacks a file is seen', async () => {
  const { parent, folder, file } = project()
  const other = path.join(parent, 'other')
  const link = path.join(parent, 'current')
  fs.cpSync(folder, other, { recursive: true })
  write(path.join(folder, 'extra.js'))
  fs.symlinkSync(folder, link)
  const watch = await watchOver(link)
  const told = await watch.more(() => {
    fs.symlinkSync(other, `${link}.new`)
    fs.renameSync(`${link}.new`, link)
  })
  expect(told).toBe(path.join(link, 'extra.js'))
  expect(fs.existsSync(file)).toBe(true)
})

test('H39 a path that does not exist yet is waited for, and its neighbours do not matter', async () => {
  const { folder } = project()
  const late = path.join(folder, 'late.js')
  const watch = await watchOver(late)
  write(path.join(folder, 'neighbour.js'))
  expect(await watch.more(() => write(late))).toBe(late)
  await seesPlainWrites(watch, late)
  expect(new Set(watch.told)).toEqual(new Set([late]))
})

test('H39 what is there is not taken for new where another path does not exist yet, and both are seen', async () => {
  const { folder, parent } = project()
  const late = path.join(folder, 'below', 'late.js')
  const watch = await watchOver([folder, path.join(parent, 'nothing'), late], { ignore: ['below'] })
  const other = path.join(folder, 'other.js')
  expect(await watch.more(() => write(other))).toBe(other)
  const told = await watch.more(() => {
    fs.mkdirSync(path.dirname(late))
    write(late)
  })
  expect(told).toBe(late)
  await seesPlainWrites(watch, late)
  expect(new Set(watch.told)).toEqual(new Set([other, late]))
})

test('H39 a path whose parent folders do not exist yet is waited for', async () => {
  const late = path.join(newFolder(), 'a', 'b', 'late.js')
  const watch = await watchOver(late)
  await watch.more(() => {
    fs.mkdirSync(path.dirname(late), { recursive: true })
    write(late)
  })
  await seesPlainWrites(watch, late)
})

const NOTHINGS: Record<string, (file: string) => void> = {
  'a change of mode': (file) => fs.chmodSync(file, 0o600),
  'a touch': (file) => fs.utimesSync(file, new Date(), new Date()),
  'a write of the same content': (file) => fs.writeFileSync(file, fs.readFileSync(file)),
}

for (const [what, act] of Object.entries(NOTHINGS)) {
  test(`H40 ${what} is no change, and a write right after it is one`, async () => {
    const { folder, file } = project()
    const other = path.join(folder, 'other.js')
    write(other)
    const watch = await watchOver(folder)
    act(file)
    expect(await watch.more(() => write(other))).toBe(other)
    act(file)
    expect(await watch.more(() => write(file))).toBe(file)
    expect(watch.told).toEqual([other, file])
    await seesPlainWrites(watch, file)
  })
}

test('H40 a burst of 300 files is told as one change', async () => {
  const { folder, file } = project()
  const watch = await watchOver(folder, { debounce: 10 })
  const told = await watch.more(() => {
    for (let index = 0; index < 300; index++) write(path.join(folder, `file-${index}.js`))
  })
  expect(told).toContain('and 299 more')
  expect(watch.told).toHaveLength(1)
  await watch.more(() => write(file))
  expect(watch.told).toEqual([told, file])
})

test('a new file, a file in a new folder, and a file that is removed are changes', async () => {
  const { folder } = project()
  const watch = await watchOver(folder)
  const fresh = path.join(folder, 'deep', 'down', 'fresh.js')
  await watch.more(() => {
    fs.mkdirSync(path.dirname(fresh), { recursive: true })
    write(fresh)
  })
  expect(watch.told).toEqual([fresh])
  expect(await watch.more(() => fs.unlinkSync(fresh))).toBe(fresh)
})

test('H40 what is usually not source, and what the user leaves out, is not monitored', async () => {
  const { folder, file } = project()
  for (const name of ['node_modules', '.git', 'cache', 'build']) fs.mkdirSync(path.join(folder, name))
  const watch = await watchOver(folder, { ignore: ['cache', `${folder}/build`, 'notes.txt', /\.tmp$/g] })
  const left = ['node_modules/a.js', '.git/HEAD', 'all.log', 'cache/a.js', 'build/a.js', 'notes.txt']
  for (const name of [...left, 'a.tmp', 'b.tmp', 'c.tmp']) write(path.join(folder, name))
  expect(await watch.more(() => write(file))).toBe(file)
  expect(watch.told).toEqual([file])
})

test('a path that was named is monitored even where others are left out', async () => {
  const { folder } = project()
  const named = path.join(folder, 'node_modules', 'mine')
  fs.mkdirSync(named, { recursive: true })
  const log = path.join(folder, 'important.log')
  write(log)
  const watch = await watchOver([folder, named, log])
  expect(await watch.more(() => write(path.join(named, 'a.js')))).toBe(path.join(named, 'a.js'))
  expect(await watch.more(() => write(log))).toBe(log)
})

test('a monitor that is closed tells nothing and leaves no handle', async () => {
  const handles = (): number => process.getActiveResourcesInfo().filter((one) => one === 'FSEventWrap').length
  // Those of earlier tests are on their way out.
  await until(() => handles() === 0, 'the end of all watchers')
  const { folder, file } = project()
  const watch = await watchOver(folder)
  await until(() => handles() > 0, 'a watcher')
  remake({ folder, file, parent: '' })
  watch.monitor.close()
  await until(() => handles() === 0, 'the end of all watchers')
  write(file)
  expect(watch.told).toEqual([])
})
