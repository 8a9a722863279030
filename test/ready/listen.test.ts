import path from 'node:path'
import { expect, test } from 'vitest'
import { PortAllocator } from '../../src/address/ports.ts'
import { accepts } from '../../src/probe.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import { failureOf, ready } from '../support/children.ts'
import { FakeClock, sysWith } from '../support/clock.ts'
import { fixture, get, isAlive, newFile, newFolder, newSpinner, until } from '../support/host.ts'

for (const listen of ['socket', 'port'] as const) {
  test(`a child that listens after two seconds is started then, with listen: '${listen}'`, async () => {
    const clock = new FakeClock()
    const go = path.join(newFolder(), 'go')
    const spinner = newSpinner({ attempts: 1, env: { GO: go }, listen }, sysWith({ clock }))
    const child = spinner.start({ script: fixture('listens-when-told.js'), monitor: null })
    await until(() => child.pid)
    for (let step = 0; step < 8; step++) {
      await clock.advance(0.25)
      expect(child.state).toBe('starting')
    }
    newFile('go', '', path.dirname(go))
    await child
    expect(await get(child.target)).toBe('at last')
  })

  test(`a child that never listens is killed after its timeout, with listen: '${listen}'`, async () => {
    const clock = new FakeClock()
    const spinner = newSpinner({ attempts: 1, timeout: 7, listen }, sysWith({ clock }))
    const child = spinner.start({ script: fixture('never-listens.js'), monitor: null })
    const failure = failureOf(child)
    const pid = await until(() => child.pid)
    const { address } = child
    await clock.advance(6.9)
    expect(child.state).toBe('starting')
    await clock.advance(0.1)
    const error = await failure
    expect(error).toMatchObject({ code: 'ERR_SPINNER_NOT_READY', child: child.name })
    expect(error?.message).toContain('was not ready within 7 s')
    expect(error?.message).toContain(`expected ${address}`)
    await until(() => !isAlive(pid))
  })

  test(`H37 a warning and then the error name the port on which the child listens, with listen: '${listen}'`, async () => {
    const warnings: string[] = []
    const warn = (line: string): void => void warnings.push(line)
    const logger = { info: () => {}, warn, error: () => {}, debug: () => {} }
    const elsewhere = await new PortAllocator(realSys).allocate('elsewhere')
    const clock = new FakeClock()
    const options = { attempts: 1, listen, logger, env: { ELSEWHERE: elsewhere } }
    const child = newSpinner(options, sysWith({ clock })).start({
      script: fixture('listens-elsewhere.js'),
      monitor: null,
    })
    const failure = failureOf(child)
    await until(() => accepts(realSys, { host: '127.0.0.1', port: elsewhere }))
    const { address } = child
    await clock.advance(5)
    await until(() => warnings.length > 0)
    expect(warnings[0]).toContain(`is not ready yet: it listens on ${elsewhere}, expected ${address}`)
    expect(warnings[0]?.includes("`listen: 'port'`")).toBe(listen === 'socket')
    await clock.advance(25)
    expect((await failure)?.message).toContain(`it listens on ${elsewhere}, expected ${address}`)
  })

  test(`H38 a child that binds and dies is never started after its exit, with listen: '${listen}'`, async () => {
    const spinner = newSpinner({ attempts: 1, listen, restart: 'never', concurrency: 4 })
    const seen = Array.from({ length: 50 }, (_, index) => {
      const env = { AFTER_MS: index % 25 }
      const name = `child ${index}`
      const child = spinner.start({ name, script: fixture('binds-and-dies.js'), monitor: null, env })
      const events: string[] = []
      child.on('started', () => events.push('started'))
      child.on('exit', () => events.push('exit'))
      ready(child).catch(() => {})
      return { child, events }
    })
    for (const { child, events } of seen) {
      await until(() => ['faulted', 'stopped'].includes(child.state) && events.includes('exit'))
      // If another process took the port meanwhile, there is another attempt: one more exit, and nothing else.
      expect(events.join()).toMatch(/^(exit,){0,3}(started,)?exit$/)
    }
  })
}

test.runIf(process.platform === 'linux')(
  'H15 a child that has bound its address lets the next one start before the owner of the socket is known',
  async () => {
    let isShown = false
    const readFileSync = ((file: string, ...rest: []) =>
      file === '/proc/net/unix' && !isShown
        ? ''
        : realSys.fs.readFileSync(file, ...rest)) as Sys['fs']['readFileSync']
    const sys = sysWith({ clock: new FakeClock(), fs: { ...realSys.fs, readFileSync } })
    const spinner = newSpinner({ concurrency: 1 }, sys)
    const [first, second] = ['first', 'second'].map((name) =>
      spinner.start({ name, script: fixture('hello.js'), monitor: null }),
    )
    await until(() => second?.pid)
    expect(first?.state).toBe('starting')
    isShown = true
    await Promise.all([first, second])
  },
)
