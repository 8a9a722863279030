import { chmodSync, chownSync, statSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { runCommand } from '../../../src/nginx/control/command.ts'
import { nginx } from '../../../src/nginx/index.ts'
import { realSys } from '../../../src/sys.ts'
import { sysWith } from '../../support/clock.ts'
import { get, newFolder, newSpinner } from '../../support/host.ts'
import { has } from '../../support/needs.ts'
import { newNginx } from '../../support/nginx.ts'
import { hello, optionsFor, site } from '../site.ts'

const isRoot = process.getuid?.() === 0

test.runIf(has('nginx') && isRoot)(
  'workers that run as another user reach sockets in a `runtimeDir` of their group',
  async () => {
    const nobody = 65_534
    const runtimeDir = newFolder()
    chownSync(runtimeDir, 0, nobody)
    chmodSync(runtimeDir, 0o2750)
    const before = process.umask(0o007)
    onTestFinished(() => void process.umask(before))
    const master = await newNginx(site, { user: 'nobody nogroup' })
    chmodSync(master.folder, 0o755)
    const spinner = newSpinner({ runtimeDir, plugins: [nginx(optionsFor(master))] })
    const child = spinner.start(hello('a'))
    const address = (await child) as string
    expect(statSync(address)).toMatchObject({ gid: nobody })
    expect(await get(master.target)).toBe(`hello from ${child.pid}`)
  },
)

test.runIf(has('nginx'))('nginx is found where Debian installs it, even if that is not on PATH', async () => {
  const sys = sysWith({ env: { ...realSys.env, PATH: '/usr/bin:/bin' } })
  expect((await runCommand(sys, ['nginx', '-v'], 30)).text).toContain('nginx version')
})
