import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { lives } from '../../support/children.ts'
import { Command, newSite, pidOf } from '../../support/command.ts'
import { fixture, get, until } from '../../support/host.ts'
import { install } from '../../support/installed.ts'
import { freePorts } from '../../support/nginx.ts'

const spinner = new Command(install())
const sleeps = (name: string, seconds: number): string =>
  `  ${name}: { command: sleep, args: [${seconds}], listen: null }\n`
const pool = (size: number, seconds: number): string =>
  `pools:\n  p: { size: ${size}, command: sleep, args: [${seconds}], listen: null }\n`

const serves = (name: string, port: number): string =>
  `  ${name}: { script: ${fixture('hello.js')}, listen: ${port} }\n`
const serving = (name: string, size: number, port: number): string =>
  `  ${name}: { script: ${fixture('hello.js')}, size: ${size}, port: ${port} }\n`
const UP = 'echo up; exec sleep 601'
/** Describes a child that is ready once it prints `up`. */
const saying = (words: string): string =>
  `{ command: sh, args: [-c, '${words}'], listen: null, ready: { output: up }, timeout: 1h }`
const DEAF = saying('exec sleep 600')

describe('SIGHUP', () => {
  test('starts added children, stops removed ones, restarts changed ones, and leaves the others alone', async () => {
    const site = newSite(
      `children:\n${sleeps('same', 601)}${sleeps('other', 602)}${sleeps('gone', 603)}${pool(2, 604)}`,
    )
    const running = spinner.run(['run'], { folder: site.folder })
    await running.until(/\* started/, 5)
    const before = running.output()
    const pid = (name: string): number => pidOf(running.output(), name)
    site.change(
      `children:\n${sleeps('same', 601)}${sleeps('other', 702)}${sleeps('new', 605)}${pool(3, 604)}`,
    )
    running.kill('SIGHUP')
    await running.until(/configuration reloaded: added new; removed gone; changed other, p\n/)
    await running.until(/other +\* restarted/)
    await running.until(/new +\* started/)
    await running.until(/p-2 +\* started/)
    await until(() => !lives(pidOf(before, 'gone')))
    for (const name of ['same', 'p-0', 'p-1']) expect(pid(name)).toBe(pidOf(before, name))
    expect(pid('other')).not.toBe(pidOf(before, 'other'))

    site.change(
      `children:\n${sleeps('same', 601)}${sleeps('other', 702)}${sleeps('new', 605)}${pool(2, 704)}`,
    )
    running.kill('SIGHUP')
    await running.until(/p-[01] +\* restarted/, 2)
    await running.until(/p-2 +\* stopped/)
    expect(pid('same')).toBe(pidOf(before, 'same'))
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('removes a pool and adds it again', async () => {
    const site = newSite(`children:\n${sleeps('web', 601)}${pool(2, 602)}`)
    const running = spinner.run(['run'], { folder: site.folder })
    await running.until(/\* started/, 3)
    site.change(`children:\n${sleeps('web', 601)}`)
    running.kill('SIGHUP')
    await running.until(/p-[01] +\* stopped/, 2)
    site.change(`children:\n${sleeps('web', 601)}${pool(3, 603)}`)
    running.kill('SIGHUP')
    await running.until(/p-[012] +\* started/, 5)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('moves a name from a child to a pool, and from a pool to a child', async () => {
    const child = `children:\n${sleeps('keep', 601)}${sleeps('p-0', 602)}`
    const site = newSite(child)
    const running = spinner.run(['run'], { folder: site.folder })
    await running.until(/\* started/, 2)
    const keep = pidOf(running.output(), 'keep')
    const gone = pidOf(running.output(), 'p-0')
    site.change(`children:\n${sleeps('keep', 601)}${pool(3, 603)}`)
    running.kill('SIGHUP')
    await running.until(/p-[012] +\* started/, 4)
    expect(lives(gone)).toBe(false)

    const last = pidOf(running.output(), 'p-2')
    site.change(`children:\n${sleeps('keep', 601)}${sleeps('p-2', 604)}${pool(2, 603)}`)
    running.kill('SIGHUP')
    await running.until(/p-2 +\* started/, 2)
    expect(lives(last)).toBe(false)

    site.change(child)
    running.kill('SIGHUP')
    await running.until(/p-0 +\* started/, 3)
    await running.until(/p-2 +\* stopped/, 2)
    expect(pidOf(running.output(), 'keep')).toBe(keep)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('tries a child without a free slot again later, and does not exit meanwhile', async () => {
    const c = '  c: { command: sleep, args: [603], listen: null, timeout: 1s, faultTimeout: 2s }\n'
    const b = '  b: { command: sleep, args: [602], listen: null, restart: never }\n'
    const site = newSite(`maxRunning: 1\nchildren:\n${b}`)
    const running = spinner.run(['run'], { folder: site.folder })
    await running.until(/b +\* started/)
    // The larger limit is not in force before the next start of the command.
    site.change(`maxRunning: 2\nchildren:\n${b}${c}`)
    running.kill('SIGHUP')
    await running.until(/c +\* stopped: 'c' found no free slot/)
    process.kill(pidOf(running.output(), 'b'), 'SIGKILL')
    await running.until(/b +\* stopped/)
    await running.until(/c +\* started/)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('changes nothing and prints the mistakes if the configuration is wrong', async () => {
    const site = newSite(`children:\n${sleeps('web', 601)}`)
    const running = spinner.run(['run'], { folder: site.folder })
    await running.until(/web +\* started/)
    const pid = pidOf(running.output(), 'web')
    const wrong = [
      'children: {',
      'children:\n  web: { comand: x }\n',
      '{}',
      'children:\n  web: { command: x, listen: null, ready: listen }\n',
    ]
    for (const [index, text] of wrong.entries()) {
      site.change(text)
      running.kill('SIGHUP')
      await running.until(
        /spinner \* the configuration has errors, so the previous one stays in force:/,
        index + 1,
      )
    }
    await running.until(/`ready` "listen" needs an address/)
    expect(running.output()).toContain(
      "spinner * spinner.yml:2:10: unknown key 'comand'; did you mean 'command'?",
    )
    expect(running.output()).toContain('nothing to run')
    expect(lives(pid)).toBe(true)
    site.change(`children:\n${sleeps('web', 601)}`)
    running.kill('SIGHUP')
    await running.until(/no changes/)
    expect(pidOf(running.output(), 'web')).toBe(pid)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('prints that some options need a restart of the command', async () => {
    const site = newSite(`concurrency: 2\nchildren:\n${sleeps('web', 601)}`)
    const running = spinner.run(['run'], { folder: site.folder })
    await running.until(/web +\* started/)
    site.change(`concurrency: 3\nchildren:\n${sleeps('web', 601)}`)
    running.kill('SIGHUP')
    await running.until(/no changes; restart the command to change `id`, `runtimeDir`, `concurrency`/)
    running.kill('SIGTERM')
    await running.ended
  })

  test('replaces a reload that waits for a child that does not come up, and does its remaining steps', async () => {
    const site = newSite(`children:\n${sleeps('web', 601)}`)
    const running = spinner.run(['run'], { folder: site.folder })
    await running.until(/web +\* started/)
    const before = pidOf(running.output(), 'web')
    site.change(`children:\n${sleeps('web', 602)}  late: ${DEAF}\n`)
    running.kill('SIGHUP')
    await running.until(/added late; changed web/)
    site.change('children: {')
    running.kill('SIGHUP')
    await running.until(/the configuration has errors/)
    expect(running.output()).not.toMatch(/web +\* restarting/)
    site.change(`children:\n${sleeps('web', 602)}  late: ${saying(UP)}\n`)
    running.kill('SIGHUP')
    await running.until(/late +\* (re)?started/)
    await running.until(/web +\* restarted/)
    expect(pidOf(running.output(), 'web')).not.toBe(before)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test.each([
    ['a child', (words: string) => `children:\n  web: ${saying(words)}\n`, 1],
    ['a pool', (words: string) => `pools:\n  web: ${saying(words).replace('{', '{ size: 2,')}\n`, 2],
  ])(
    'applies a correction of %s that does not come up, after a restart and at the first start',
    async (_what, yaml, count) => {
      const site = newSite(yaml('echo begun; exec sleep 600'))
      const running = spinner.run(['run'], { folder: site.folder })
      await running.until(/web\S* +\| begun/)
      site.change(yaml(UP))
      running.kill('SIGHUP')
      await running.until(/web\S* +\* (re)?started/, count)
      site.change(yaml('echo again; exec sleep 600'))
      running.kill('SIGHUP')
      await running.until(/web\S* +\| again/)
      const broken = running.output().length
      site.change(yaml(UP))
      running.kill('SIGHUP')
      await running.until(/ \* (re)?started/, 2 * count)
      expect(running.output().slice(broken)).not.toContain('attempt')
      running.kill('SIGTERM')
      expect(await running.ended).toMatchObject({ code: 0 })
    },
  )

  /** The title, the number of children before, both files, and the index of the port that each child has afterwards. */
  type PortMove = readonly [
    what: string,
    count: number,
    from: (first: number) => string,
    to: (first: number) => string,
    ports: Readonly<Record<string, number>>,
  ]
  const portMoves: readonly PortMove[] = [
    [
      'from a child to a new one',
      1,
      (first) => `children:\n${serves('web', first)}`,
      (first) => `children:\n${serves('web', first + 1)}${serves('new', first)}`,
      { web: 1, new: 0 },
    ],
    [
      'between two children',
      2,
      (first) => `children:\n${serves('a', first)}${serves('b', first + 1)}`,
      (first) => `children:\n${serves('a', first + 1)}${serves('b', first)}`,
      { a: 1, b: 0 },
    ],
    [
      'within a pool that grows, and to it from a child',
      3,
      (first) => `children:\n${serves('a', first + 3)}pools:\n${serving('p', 2, first)}`,
      (first) => `children:\n${serves('a', first + 4)}pools:\n${serving('p', 3, first + 1)}`,
      { 'p-0': 1, 'p-1': 2, 'p-2': 3, a: 4 },
    ],
    [
      'between two pools, of which one becomes smaller and leaves a name to a child',
      4,
      (first) => `pools:\n${serving('p', 2, first)}${serving('q', 2, first + 2)}`,
      (first) =>
        `children:\n${serves('q-1', first + 1)}pools:\n${serving('p', 2, first + 2)}${serving('q', 1, first)}`,
      { 'q-0': 0, 'q-1': 1, 'p-0': 2, 'p-1': 3 },
    ],
  ]
  test.each(portMoves)('moves ports %s, and no child is faulted', async (_what, count, from, to, ports) => {
    const first = await freePorts(5)
    const site = newSite(from(first))
    const running = spinner.run(['run'], { folder: site.folder })
    await running.until(/\* started on/, count)
    site.change(to(first))
    running.kill('SIGHUP')
    for (const [name, index] of Object.entries(ports)) {
      await running.until(new RegExp(`^${name} +\\* (re)?started on ${first + index} `, 'm'))
      const pid = pidOf(running.output(), name)
      expect(await get({ host: '127.0.0.1', port: first + index })).toBe(`hello from ${pid}`)
    }
    expect(running.output()).not.toMatch(/faulted|failed/)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('is interrupted by SIGTERM without errors', async () => {
    const slow = (name: string, count: number): string =>
      `  ${name}: { command: sh, args: [-c, 'trap "exit 0" TERM; while test -e slow; do sleep 0.05; done; echo up; while :; do sleep 60 & wait; done'], listen: null, env: { N: ${count} }, ready: { output: up } }\n`
    const all = (count: number): string =>
      `children:\n${slow('a', count)}${slow('b', count)}pools:\n${slow('p', count).replace(' }\n', ', size: 2 }\n')}`
    const site = newSite(all(1))
    const running = spinner.run(['run', '--json'], { folder: site.folder })
    await running.until(/"started"/, 4)
    writeFileSync(path.join(site.folder, 'slow'), '')
    site.change(all(2))
    running.kill('SIGHUP')
    await running.until(/"restarting"/)
    running.kill('SIGTERM')
    const { code, output } = await running.ended
    expect(code).toBe(0)
    expect(output).not.toContain('"event":"error"')
  })
})
