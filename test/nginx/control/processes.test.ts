import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseBuildPaths, pidFileOf } from '../../../src/nginx/control/master.ts'
import { newProcesses } from '../../../src/nginx/control/processes.ts'
import { nginxOn } from '../../../src/nginx/index.ts'
import { readNginxOptions } from '../../../src/nginx/options.ts'
import { realSys } from '../../../src/sys.ts'
import { sleeper } from '../../support/children.ts'
import { sysWith } from '../../support/clock.ts'
import { get, newFile, newFolder, newSpinner, until } from '../../support/host.ts'
import { has } from '../../support/needs.ts'
import { errorsOf, hello, newSite, optionsFor } from '../site.ts'

const SYSTEMS = [
  { what: '/proc', sys: realSys, isAvailable: process.platform === 'linux' },
  { what: 'ps, as on other systems,', sys: sysWith({ platform: 'darwin' }), isAvailable: has('ps') },
]

for (const { what, sys, isAvailable } of SYSTEMS) {
  describe.runIf(isAvailable)(`${what} tells`, () => {
    test('the program of a process, and that a process has ended', async () => {
      const child = newSpinner().start(sleeper('a'))
      await child
      const pid = child.pid as number
      expect(await newProcesses(sys, 10).programOf(pid)).toBe('sleep')
      await child.stop()
      expect(await newProcesses(sys, 10).programOf(pid)).toBeNull()
    })

    test.runIf(has('nginx'))('the workers of nginx, with their titles', async () => {
      const site = await newSite()
      const processes = newProcesses(sys, 10)
      expect(await processes.programOf(site.pid)).toBe('nginx')
      // Workers start a moment after nginx itself, and set their titles a moment later.
      const titles = await until(async () => {
        const children = [...(await processes.childrenOf(site.pid))]
        const all = children.length > 0 && children.every(([, title]) => title.startsWith('nginx: worker'))
        return all ? new Map(children) : null
      })
      expect([...titles.keys()].map((key) => Number.parseInt(key, 10))).toEqual(site.workers())
      expect([...titles.values()]).toEqual([expect.stringMatching(/^nginx: worker process/)])
    })

    test.runIf(has('nginx'))('enough to keep an upstream up to date', async () => {
      const site = await newSite()
      const spinner = newSpinner({ plugins: [nginxOn(sys, optionsFor(site))] })
      const errors = errorsOf(spinner)
      const child = spinner.start(hello('a', { listen: 'port' }))
      await child
      expect(await get(site.target)).toBe(`hello from ${child.pid}`)
      await child.restart()
      expect(await get(site.target)).toBe(`hello from ${child.pid}`)
      expect([site.reloads(), site.generations()]).toEqual([3, 4])
      expect(errors).toEqual([])
    })
  })
}

describe('the pid file', () => {
  test('is where nginx was built to put it, with quotes and without, or where nginx puts it by default', () => {
    const output =
      'configure arguments: --with-cc-opt=\'-g -O2\' --prefix=/usr/share/nginx --conf-path="/etc/my nginx/nginx.conf" --pid-path=run/nginx.pid'
    expect(parseBuildPaths(output)).toEqual({
      prefix: '/usr/share/nginx',
      conf: '/etc/my nginx/nginx.conf',
      pid: '/usr/share/nginx/run/nginx.pid',
    })
    expect(parseBuildPaths('')).toEqual({
      prefix: '/usr/local/nginx',
      conf: '/usr/local/nginx/conf/nginx.conf',
      pid: '/usr/local/nginx/logs/nginx.pid',
    })
  })

  test.runIf(has('nginx'))('is where the option, the command or the configuration puts it', async () => {
    const folder = newFolder()
    const file = newFile('my.conf', "events { }\npid 'run/my.pid';\n", folder)
    const at = (more: object): Promise<string> =>
      pidFileOf(realSys, readNginxOptions({ upstream: 'app', file: '/x', ...more }))
    expect(await at({ pid: '/run/mine.pid' })).toBe('/run/mine.pid')
    expect(await at({ config: file, command: ['nginx', '-p', folder] })).toBe(`${folder}/run/my.pid`)
    expect(await at({ command: ['nginx', '-p', folder, '-c', 'my.conf'] })).toBe(`${folder}/run/my.pid`)
    expect(await at({ command: ['nginx', `-p${folder}`, '-g', 'daemon off; pid other.pid;'] })).toBe(
      `${folder}/other.pid`,
    )
    const broken = newFile('broken.conf', 'pid {', folder)
    expect(await at({ config: broken, command: ['nginx', '-p', folder] })).toMatch(/nginx\.pid$/)
  })
})

test.runIf(has('nginx') && process.platform === 'linux')(
  'reloads leave no descriptor and no process behind',
  async () => {
    const site = await newSite()
    const spinner = newSpinner({ plugins: [nginxOn(realSys, optionsFor(site, { debounce: 0 }))] })
    const child = spinner.start(hello('a', { listen: 'port' }))
    await child
    const open = (): number => readdirSync('/proc/self/fd').length
    const before = open()
    for (let round = 0; round < 3; round++) await child.restart()
    await until(() => open() <= before)
  },
)
