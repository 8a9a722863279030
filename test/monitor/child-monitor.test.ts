import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { failureOf, ready } from '../support/children.ts'
import { fixture, get, newFile, newFolder, newSpinner, until } from '../support/host.ts'

interface Monitored {
  readonly child: Child
  readonly file: string
  /** Waits until the child runs with that source. */
  answers(source: string): Promise<unknown>
}

/** Starts a child that answers with the content that its source file had when it was spawned. */
function monitored(options: Partial<StartOptions> = {}, source = 'first'): Monitored {
  const file = newFile('source.txt', source)
  const child = newSpinner({ maxRestarts: 1, attempts: 1 }).start({
    name: 'app',
    script: fixture('says-source.js'),
    env: { SOURCE: file },
    monitor: file,
    ...options,
  })
  ready(child).catch(() => {})
  const answers = (wanted: string): Promise<unknown> =>
    until(async () => (await get(child.target).catch(() => '')) === wanted, `'${wanted}'`)
  return { child, file, answers }
}

const watchers = (): number => process.getActiveResourcesInfo().filter((one) => one === 'FSEventWrap').length

test('a save restarts the child, and the next save does so again', async () => {
  const { child, file, answers } = monitored()
  await answers('first')
  const reasons: string[] = []
  child.on('state', (to, _from, reason) => to === 'restart' && reasons.push(reason))
  fs.writeFileSync(file, 'second')
  await answers('second')
  fs.writeFileSync(`${file}.new`, 'third')
  fs.renameSync(`${file}.new`, file)
  await answers('third')
  expect(reasons).toEqual([`a file changed: ${file}`, `a file changed: ${file}`])
  expect(child.info()).toMatchObject({ crashes: 0, restarts: 2 })
})

test('a script is monitored, with and without its extension', async () => {
  for (const given of ['app', 'app.js']) {
    const folder = newFolder()
    const script = newFile('app.js', fs.readFileSync(fixture('hello.js'), 'utf8'), folder)
    const spinner = newSpinner()
    const child = spinner.start({ script: path.join(folder, given), monitor: script })
    await child
    const before = child.pid
    fs.appendFileSync(script, '\n')
    await until(() => child.state === 'started' && child.pid !== before)
    await spinner.close()
  }
})

test('H39 a deployment that replaces the whole directory restarts the child, and so does the next one', async () => {
  const folder = path.join(newFolder(), 'release')
  const source = path.join(folder, 'source.txt')
  const deploy = (text: string): void => {
    fs.rmSync(folder, { recursive: true, force: true })
    fs.mkdirSync(folder)
    fs.writeFileSync(source, text)
  }
  deploy('first')
  const { answers } = monitored({ monitor: folder, env: { SOURCE: source } })
  await answers('first')
  for (const text of ['second', 'third']) {
    deploy(text)
    await answers(text)
  }
})

test('a save while the child starts is not lost', async () => {
  let decided = (): void => {}
  const decide = (): Promise<void> =>
    new Promise((resolve) => {
      decided = resolve
    })
  const { child, file, answers } = monitored({ ready: decide })
  await until(async () => (await get(child.target).catch(() => '')) === 'first')
  expect(child.state).toBe('starting')
  fs.writeFileSync(file, 'second')
  await until(() => child.state === 'restart')
  await answers('second')
  decided()
  await until(() => child.state === 'started')
  expect(await get(child.target)).toBe('second')
})

test('a save while the child restarts is not lost', async () => {
  const waits: (() => void)[] = []
  const { child, file, answers } = monitored({
    ready: () => new Promise((resolve) => waits.push(resolve as never)),
  })
  await until(() => waits.length === 1)
  waits[0]?.()
  await until(() => child.state === 'started')
  fs.writeFileSync(file, 'second')
  await until(() => waits.length === 2)
  await answers('second')
  expect(child.state).toBe('restart')
  fs.writeFileSync(file, 'third')
  await until(() => waits.length === 3)
  await answers('third')
  waits[2]?.()
  await until(() => child.state === 'started')
  expect(await get(child.target)).toBe('third')
})

test('H42 a child is faulted by a broken save and restarted by the fixed one', async () => {
  const { child, file, answers } = monitored()
  await answers('first')
  fs.writeFileSync(file, 'broken')
  await until(() => child.state === 'faulted')
  expect(child.info().lastError?.message).toContain('the source is broken')
  fs.writeFileSync(file, 'fixed')
  await answers('fixed')
  await until(() => child.state === 'started')
})

test('H42 a child that was broken from the start is started when it is fixed', async () => {
  const { child, file, answers } = monitored({}, 'broken')
  expect(await failureOf(child)).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
  fs.writeFileSync(file, 'fixed')
  await answers('fixed')
})

test('a stopped child is not monitored, and its watchers are closed', async () => {
  await until(() => watchers() === 0)
  const { child, file, answers } = monitored()
  await answers('first')
  await until(() => watchers() > 0)
  await child.stop()
  await until(() => watchers() === 0)
  fs.writeFileSync(file, 'second')
  expect(child.state).toBe('stopped')
})

test('a child with monitor: null is not restarted by a save', async () => {
  const { child, file, answers } = monitored({ monitor: null })
  await answers('first')
  expect(watchers()).toBe(0)
  fs.writeFileSync(file, 'second')
  expect(child.info().restarts).toBe(0)
})
