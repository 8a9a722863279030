import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { childLoggers, libraryLogger, printEvents } from '../../../src/cli/output/events.ts'
import { NO_LOG_FILES } from '../../../src/cli/output/log-files.ts'
import { newPrinter } from '../../../src/cli/output/printer.ts'
import { Children } from '../../../src/cli/run/children.ts'
import { Pools } from '../../../src/cli/run/pools.ts'
import { createGateway } from '../../../src/gateway/index.ts'
import type { ChildState } from '../../../src/types/child.ts'
import type { Plugin } from '../../../src/types/plugin.ts'
import type { Spinner } from '../../../src/types/spinner.ts'
import { failureOf } from '../../support/children.ts'
import { FakeClock } from '../../support/clock.ts'
import { newFolder, newSpinner, until } from '../../support/host.ts'
import { ask } from '../../support/lives.ts'

const SLEEPS = { command: 'sleep', args: ['600'], listen: null }
const FAILS = { command: 'sh', args: ['-c', 'exit 3'], listen: null, ready: { output: 'up' }, attempts: 1 }

interface Stage {
  readonly spinner: Spinner
  readonly children: Children
  readonly pools: Pools
  /** Starts a child as the command does. */
  start(name: string, options?: Readonly<Record<string, unknown>>): Promise<void>
  /** Returns all lines that were printed. */
  lines(): string[]
  /** Waits until a text is printed, and returns all lines that contain it. */
  printed(text: string): Promise<string[]>
}

/** Creates a spinner whose events and log lines are printed as the command prints them. */
function stage(json: boolean): Stage {
  const out = new PassThrough()
  const printer = newPrinter(out, { json, color: false, clock: new FakeClock() })
  const spinner = newSpinner({ logger: libraryLogger(printer), stdout: null, stderr: null })
  printEvents(spinner, printer, () => false)
  const io = { logFiles: NO_LOG_FILES, loggerOf: childLoggers(printer) }
  const children = new Children(spinner, io)
  let text = ''
  const lines = (): string[] => {
    text += String(out.read() ?? '')
    return text.split('\n').filter((line) => line !== '')
  }
  return {
    spinner,
    children,
    pools: new Pools(spinner, io),
    start: async (name, options = SLEEPS) => {
      const member = { options, isLazy: false }
      await children.define(name, member)
      await children.start(name, member)
    },
    lines,
    printed: async (wanted) => {
      await until(() => lines().some((line) => line.includes(wanted)), wanted)
      return lines().filter((line) => line.includes(wanted))
    },
  }
}

/** Opens a gateway and requests a page from it. */
async function askGateway(spinner: Spinner, routes: () => string | Promise<never>): Promise<void> {
  const gateway = createGateway(spinner, { routes })
  const { port } = await gateway.listen({ port: 0 })
  await ask({ port: port as number })
  await gateway.close()
}

const failing = (message: string): (() => never) => {
  return () => {
    throw new Error(message)
  }
}

describe('the printer of log lines', () => {
  test('prints an error of the gateway although a child is called gateway', async () => {
    const { printed, spinner, start } = stage(false)
    await start('gateway')
    await askGateway(spinner, failing('boom'))
    expect(await printed('a route failed')).toEqual(['spinner * gateway: a route failed: boom'])
  })

  test('prints an error of the gateway as JSON without naming a child that is called gateway', async () => {
    const { printed, spinner, start } = stage(true)
    await start('gateway')
    await askGateway(spinner, failing('boom'))
    const records = (await printed('a route failed')).map((line) => JSON.parse(line))
    expect(records).toEqual([
      { time: expect.any(String), event: 'error', message: 'gateway: a route failed: boom' },
    ])
  })

  test('prints a warning of the gateway although a child is called gateway', async () => {
    const { printed, spinner, start } = stage(true)
    await start('gateway')
    await askGateway(spinner, () => '../secret')
    const [line, ...more] = await printed('a route chose a child')
    expect(more).toEqual([])
    expect(JSON.parse(line as string)).toMatchObject({ event: 'warning' })
    expect(JSON.parse(line as string)).not.toHaveProperty('child')
  })

  test('prints an error of a pool although a child has the name of the pool', async () => {
    const { pools, printed, spinner, start } = stage(false)
    await start('p')
    const once = 'test -e ran && exit 3; touch ran; echo up; exec sleep 600'
    const cwd = newFolder()
    const options = { ...FAILS, args: ['-c', once], cwd }
    await pools.define('p', { size: 1, options })
    await pools.start('p', { size: 1, options })
    expect(await failureOf(pools.restart('p'))).toMatchObject({ child: 'p-0' })
    const [line, ...more] = await printed('rolling restart of pool')
    expect(more).toEqual([])
    expect(line).toMatch(/^spinner \* p: /)
    expect((await printed('faulted: ')).filter((each) => each.startsWith('p-0 '))).toHaveLength(1)
    expect(spinner.get('p')?.state).toBe('started')
  })

  const added = (hooks: Omit<Plugin, 'name'>) => (spinner: Spinner) => {
    spinner.use({ name: 'nginx', ...hooks })
    return Promise.resolve()
  }
  test.each<[what: string, child: string, act: (spinner: Spinner) => Promise<void>]>([
    [
      'a callback that throws',
      'a callback threw',
      async (spinner) => void (await spinner.start({ name: 'other' }, failing('boom'))),
    ],
    [
      'a listener that throws',
      'a listener threw',
      async (spinner) => {
        spinner.on('started', failing('boom'))
        await spinner.start({ name: 'other' })
      },
    ],
    ['the setup of a plugin', "the setup of plugin 'nginx' threw", added({ setup: failing('boom') })],
    [
      'the close of a plugin',
      "the close of plugin 'nginx' threw",
      async (spinner) => {
        spinner.use({ name: 'nginx', close: failing('boom') })
        await spinner.close()
      },
    ],
  ])('prints once what comes from %s, although a child is called %j', async (_what, child, act) => {
    for (const json of [false, true]) {
      const { printed, spinner, start } = stage(json)
      await start(child)
      spinner.define({ name: 'other', ...SLEEPS, logger: null })
      await act(spinner)
      const [line, ...more] = await printed('threw: boom')
      expect(more).toEqual([])
      if (json) expect(JSON.parse(line as string)).not.toHaveProperty('child')
      else expect(line).toMatch(/^spinner \* .* threw: boom/)
    }
  })
})

describe('the printer of events', () => {
  test.each([
    'nginx',
    'plugin',
    'pool p',
    'gateway',
    'web: api',
    'a listener threw',
    '[spinner] x',
    'spinner',
  ])('prints each event of the child %j once, under its name', async (name) => {
    const { lines, printed, spinner, start } = stage(true)
    await start(name)
    spinner.use({ name: 'nginx', ready: failing('plugin failed') })
    await spinner.restart(name)
    await printed('plugin failed')
    await start(`${name} too`, FAILS).catch(() => {})
    await printed('faulted')
    await spinner.stop(name)
    await printed('"stopped"')
    const records = lines().map((line) => JSON.parse(line))
    expect(records.filter(({ child }) => child === undefined)).toEqual([])
    const eventsOf = (child: string): string[] =>
      records.filter((record) => record.child === child).map(({ event }) => event)
    expect(eventsOf(name).sort()).toEqual(['error', 'restarted', 'restarting', 'started', 'stopped'])
    expect(eventsOf(`${name} too`)).toEqual(['warning', 'faulted'])
    const warning = records.find(({ event }) => event === 'warning')
    expect(warning.message).toMatch(/^attempt 1 failed: /)
  })

  test('prints what a listener of a single child throws', async () => {
    const { printed, spinner, start } = stage(true)
    await start('web')
    spinner.child('web')?.on('state', (to: ChildState) => {
      if (to === 'stopped') failing('boom')()
    })
    await spinner.stop('web')
    const [line, ...more] = await printed('a listener threw: boom')
    expect(more).toEqual([])
    expect(JSON.parse(line as string)).toMatchObject({ child: 'web', event: 'error' })
  })

  test('prints once that the old process stays, because the new one did not come up', async () => {
    const { printed, spinner, start } = stage(false)
    const folder = newFolder()
    const server = `const fs = require('node:fs')
      if (fs.existsSync('ran')) process.exit(3)
      fs.writeFileSync('ran', '')
      require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT)`
    const options = { command: process.execPath, args: ['-e', server], cwd: folder, attempts: 1 }
    await start('web', { ...options, restartOrder: 'start-first' })
    expect(await failureOf(spinner.restart('web'))).not.toBeNull()
    const lines = await printed('the old one stays')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^web {5}\* /)
  })
})
