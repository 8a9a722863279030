import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { HEADER } from '../../src/nginx/conf/render.ts'
import { nginx } from '../../src/nginx/index.ts'
import type { NginxOptions } from '../../src/nginx/options.ts'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { get, newSpinner, next, until } from '../support/host.ts'
import { has } from '../support/needs.ts'
import type { Nginx } from '../support/nginx.ts'
import { errorsOf, hello, included, newSite, optionsFor, readText, serversIn } from './site.ts'

const DOWN = 'server 127.0.0.1:1 down;'

interface World {
  readonly site: Nginx
  readonly spinner: Spinner
  readonly errors: Error[]
  /** Returns the `server` lines of the file. */
  servers(): string[]
}

async function newWorld(more: Partial<NginxOptions> = {}, options: SpinnerOptions = {}): Promise<World> {
  const site = await newSite()
  const spinner = newSpinner({ plugins: [nginx(optionsFor(site, more))], ...options })
  return { site, spinner, errors: errorsOf(spinner), servers: () => serversIn(included(site.folder)) }
}

describe.runIf(has('nginx'))('an upstream in a separate file', () => {
  test('contains a child from the moment when it counts as started until it is stopped', async () => {
    const { site, spinner, errors, servers } = await newWorld()
    expect(await get(site.target)).toContain('502')
    const child = spinner.start(hello('a'))
    await child
    expect(servers()).toEqual([`server unix:${child.address} max_fails=0;`])
    expect(await get(site.target)).toBe(`hello from ${child.pid}`)
    await spinner.stop('a')
    expect(servers()).toEqual([DOWN])
    expect(await get(site.target)).toContain('502')
    expect(site.generations()).toBe(3)
    expect(errors).toEqual([])
  })

  test('H44: is never empty, and keeps its block when the spinner closes', async () => {
    const { site, spinner } = await newWorld({ directives: ['least_conn', 'keepalive 4'] })
    await spinner.start(hello('a'))
    await spinner.close()
    expect(readText(included(site.folder))).toBe(
      `${HEADER}\nupstream app {\n    least_conn;\n    keepalive 4;\n    ${DOWN}\n}\n`,
    )
    expect(readdirSync(site.folder).filter((file) => file.startsWith('.'))).toEqual([])
  })

  test('contains the backup, which nginx asks while there is no child', async () => {
    const other = newSpinner()
    const gateway = other.start(hello('gateway'))
    const address = (await gateway) as string
    const { site, spinner, servers } = await newWorld({ backup: address, params: 'max_fails=0 weight=2' })
    await until(async () => (await get(site.target)) === `hello from ${gateway.pid}`)
    expect(servers()).toEqual([DOWN, `server unix:${address} max_fails=0 weight=2 backup;`])
    const child = spinner.start(hello('a', { listen: 'port' }))
    await child
    expect(servers()).toEqual([
      `server 127.0.0.1:${child.address} max_fails=0 weight=2;`,
      `server unix:${address} max_fails=0 weight=2 backup;`,
    ])
    expect(await get(site.target)).toBe(`hello from ${child.pid}`)
  })

  test('contains the children that `children` selects', async () => {
    const { spinner, servers, errors } = await newWorld({ children: ['renderer', 'b'], debounce: 0 })
    const names = ['renderer-0', 'renderer-10', 'renderer-2', 'renderer-x', 'b', 'c']
    await Promise.all(names.map((name) => spinner.start(hello(name))))
    await spinner.start({ name: 'renderer-3', command: 'sleep', args: ['600'], listen: null })
    const of = (name: string): string => `server unix:${spinner.child(name)?.address} max_fails=0;`
    expect(servers()).toEqual([of('b'), of('renderer-0'), of('renderer-2'), of('renderer-10')])
    expect(errors).toEqual([])
  })

  test('contains children that were started before the plugin was added', async () => {
    const site = await newSite()
    const spinner = newSpinner()
    const child = spinner.start(hello('a'))
    await child
    spinner.use(nginx(optionsFor(site)))
    await until(async () => (await get(site.target)) === `hello from ${child.pid}`)
  })

  test('stays as it is when the plugin is removed, and its file is free at once', async () => {
    const { site, spinner, servers } = await newWorld({}, { plugins: [] })
    const remove = spinner.use(nginx(optionsFor(site)))
    const child = spinner.start(hello('a'))
    await child
    remove()
    expect(await get(site.target)).toBe(`hello from ${child.pid}`)
    expect(readdirSync(site.folder).filter((file) => file.startsWith('.'))).toEqual([])
    await child.stop()
    expect(servers()).toHaveLength(1)
    const other = newSpinner({ plugins: [nginx(optionsFor(site))] })
    const second = other.start(hello('b'))
    await second
    expect(servers()).toEqual([`server unix:${second.address} max_fails=0;`])
  })

  test('can share its file with another upstream of the same spinner', async () => {
    const { site, spinner } = await newWorld({}, { plugins: [] })
    for (const upstream of ['app', 'other'])
      spinner.use(nginx(optionsFor(site, { upstream, children: upstream })))
    await Promise.all([spinner.start(hello('app')), spinner.start(hello('other'))])
    expect(readText(included(site.folder))).toBe(`${HEADER}
upstream app {
    server unix:${spinner.child('app')?.address} max_fails=0; # "app"
}
upstream other {
    server unix:${spinner.child('other')?.address} max_fails=0; # "other"
}
`)
  })
})

describe.runIf(has('nginx'))('nginx is reloaded', () => {
  test('H48: once for a burst of 20 starts, and once for a burst of 20 stops', async () => {
    const { site, spinner, servers, errors } = await newWorld({ debounce: 1 })
    const names = Array.from({ length: 20 }, (_, index) => `app-${index}`)
    const sleeper: Omit<StartOptions, 'name'> = {
      command: 'sleep',
      args: ['600'],
      listen: 'port',
      ready: 'spawn',
    }
    const ports = await Promise.all(names.map((name) => spinner.start({ name, ...sleeper })))
    expect(servers()).toEqual(ports.map((port) => `server 127.0.0.1:${port} max_fails=0;`))
    expect([site.reloads(), site.generations()]).toEqual([1, 2])
    await spinner.stopAll()
    expect(servers()).toEqual([DOWN])
    expect([site.reloads(), site.generations()]).toEqual([2, 3])
    expect(errors).toEqual([])
  })

  test('never, and the file is not written, when a socket child is restarted or crashes', async () => {
    const { site, spinner } = await newWorld()
    const child = spinner.start(hello('a'))
    await child
    const { ino, mtimeMs } = stat(site)
    const reloads = site.reloads()
    for (let round = 0; round < 3; round++) await child.restart()
    const restarted = next(child, 'restarted')
    process.kill(child.pid as number, 'SIGKILL')
    await restarted
    expect(await get(site.target)).toBe(`hello from ${child.pid}`)
    expect(site.reloads()).toBe(reloads)
    expect(stat(site)).toEqual({ ino, mtimeMs })
  })

  test('never when a TCP child crashes and comes back, and once when it does not come back', async () => {
    const { site, spinner, servers } = await newWorld({}, { maxRestarts: 1 })
    const child = spinner.start(hello('a', { listen: 'port' }))
    await child
    const line = servers()
    const reloads = site.reloads()
    const restarted = next(child, 'restarted')
    process.kill(child.pid as number, 'SIGKILL')
    await restarted
    expect(servers()).toEqual(line)
    expect(site.reloads()).toBe(reloads)
    const faulted = next(child, 'faulted')
    process.kill(child.pid as number, 'SIGKILL')
    await faulted
    await until(() => site.generations() === reloads + 2)
    expect(servers()).toEqual([DOWN])
  })

  test('twice when a TCP child is restarted: without it before its end, and with it when the next process is ready', async () => {
    const { site, spinner, servers } = await newWorld()
    const seen: string[] = []
    const note = (what: string): void => void seen.push(`${what}: ${servers().length === 2 ? 'in' : 'out'}`)
    await Promise.all(['a', 'b'].map((name) => spinner.start(hello(name, { listen: 'port' }))))
    const child = spinner.child('b')
    const before = site.generations()
    child?.on('exit', () => note(`ended, generation ${site.generations() - before}`))
    child?.on('restarted', () => note(`restarted, generation ${site.generations() - before}`))
    await child?.restart()
    await until(() => seen.length === 2)
    expect(seen).toEqual(['ended, generation 1: out', 'restarted, generation 2: in'])
    expect(site.reloads()).toBe(before + 1)
  })

  test('H48: before a child is ended, and no worker is left that knows the child', async () => {
    const { site, spinner } = await newWorld()
    const child = spinner.start(hello('a', { listen: 'port' }))
    await child
    const [worker] = site.workers()
    let alive: boolean | null = null
    child.on('exit', () => {
      alive = site.workers().includes(worker as number)
    })
    await child.stop()
    await until(() => alive !== null)
    expect(alive).toBe(false)
  })
})

const stat = ({ folder }: Nginx): { ino: number; mtimeMs: number } => {
  const { ino, mtimeMs } = statSync(path.join(folder, 'app.conf'))
  return { ino, mtimeMs }
}
