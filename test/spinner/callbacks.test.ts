import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Logger } from '../../src/types/options.ts'
import { endPuppets, sleeper, startedPuppet, watched } from '../support/children.ts'
import { fixture, newFile, newSpinner } from '../support/host.ts'
import { install, runHost } from '../support/installed.ts'

afterEach(endPuppets)

type Result = readonly [error: (Error & { code?: string }) | null, value?: unknown]

/** Returns a callback that records the arguments of each of its calls. */
function callback(): { call: (...result: Result) => void; first: Promise<Result>; calls: Result[] } {
  const calls: Result[] = []
  let settle: (result: Result) => void = () => {}
  const first = new Promise<Result>((resolve) => {
    settle = resolve
  })
  const call = (...result: Result): void => {
    calls.push(result)
    settle(result)
  }
  return { call, first, calls }
}

/** Waits for some turns of the event loop, so that all pending callbacks are called. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a callback', () => {
  test('of start(script, cb) and start(options, cb) gets the address', async () => {
    const spinner = newSpinner()
    const [short, long, joined] = [callback(), callback(), callback()]
    const child = spinner.start(fixture('hello.js'), short.call)
    spinner.start({ name: 'b', script: fixture('hello.js'), listen: 'port' }, long.call)
    spinner.start({ name: 'b' }, joined.call)
    expect(await short.first).toEqual([null, child.address])
    expect(await long.first).toEqual([null, expect.any(Number)])
    expect(await joined.first).toEqual(await long.first)
  })

  test('of stop, stopall, stopAll and restart is called when the call is done', async () => {
    const spinner = newSpinner()
    await spinner.start(sleeper('a'))
    await spinner.start(sleeper('b'))
    const [restarted, stopped, stoppedAll, again] = [callback(), callback(), callback(), callback()]
    spinner.restart('a', restarted.call)
    expect(await restarted.first).toEqual([null, null])
    spinner.stop('a', stopped.call)
    expect((await stopped.first)[0]).toBeNull()
    expect(spinner.get('a')?.state).toBe('stopped')
    spinner.stopall(stoppedAll.call)
    expect((await stoppedAll.first)[0]).toBeNull()
    expect(spinner.get('b')?.state).toBe('stopped')
    spinner.stopAll(again.call)
    expect((await again.first)[0]).toBeNull()
  })

  test('gets the error of any kind of failure', async () => {
    const spinner = newSpinner({ attempts: 1 })
    const [invalid, unknown, missing, spawned] = [callback(), callback(), callback(), callback()]
    spinner.start({ ...sleeper('a'), attempts: -3 }, invalid.call)
    spinner.start({ name: 'nobody' }, unknown.call)
    spinner.restart('nobody', missing.call)
    spinner.start({ ...sleeper('b'), command: '/no/such/program' }, spawned.call)
    expect((await invalid.first)[0]).toMatchObject({ code: 'ERR_SPINNER_INVALID_OPTION' })
    expect((await unknown.first)[0]).toMatchObject({ code: 'ERR_SPINNER_NOT_FOUND' })
    expect((await missing.first)[0]).toMatchObject({ code: 'ERR_SPINNER_NOT_FOUND' })
    expect((await spawned.first)[0]).toMatchObject({ code: 'ERR_SPINNER_SPAWN' })
    const closed = callback()
    await spinner.close()
    spinner.start('a', closed.call)
    expect((await closed.first)[0]).toMatchObject({ code: 'ERR_SPINNER_CLOSED' })
  })

  test('is called exactly once, even if the child is restarted and stopped afterwards', async () => {
    const { it } = await startedPuppet({ maxRestarts: 0 })
    const started = callback()
    it.spinner.start('puppet', started.call)
    await started.first
    const restarted = callback()
    it.spinner.restart('puppet', restarted.call)
    await it.clock.advance(31)
    await restarted.first
    const stopped = callback()
    it.spinner.stop('puppet', stopped.call)
    await it.clock.advance(31)
    await stopped.first
    await turns()
    expect([started, restarted, stopped].map(({ calls }) => calls.length)).toEqual([1, 1, 1])
  })

  test('is never called in the same turn, even if there is nothing to wait for', async () => {
    const spinner = newSpinner()
    await spinner.start(sleeper('a'))
    const all = [callback(), callback(), callback(), callback()] as const
    spinner.start('a', all[0].call)
    spinner.start({ ...sleeper('b'), attempts: -3 }, all[1].call)
    spinner.stop('nobody', all[2].call)
    spinner.restart('nobody', all[3].call)
    expect(all.map(({ calls }) => calls.length)).toEqual([0, 0, 0, 0])
    // Microtasks belong to the same turn.
    for (let task = 0; task < 100; task++) await Promise.resolve()
    expect(all.map(({ calls }) => calls.length)).toEqual([0, 0, 0, 0])
    await Promise.all(all.map(({ first }) => first))
    await turns()
    expect(all.map(({ calls }) => calls.length)).toEqual([1, 1, 1, 1])
  })

  test('that throws is one line in the log, and the child goes on', async () => {
    const lines: string[] = []
    const silent = (): void => {}
    const logger: Logger = {
      info: silent,
      warn: silent,
      debug: silent,
      error: (line) => void lines.push(line),
    }
    const { sys } = watched()
    const spinner = newSpinner({ logger }, sys)
    const fail = (): never => {
      throw new Error('from the user')
    }
    await spinner.start(sleeper('a'), fail)
    await turns()
    await spinner.stop('a', fail)
    await turns()
    expect(lines).toEqual(
      Array(2).fill(expect.stringMatching(/^\[spinner\] a callback threw: from the user \(at /)),
    )
  })
})

/** An application written for 0.3: it reads `port` in lower case and prints its own output. */
const APP = `var http = require('http');
console.log('[app] listens on ' + (process.env.port || 5000));
http.createServer(function (req, res) {
  console.log('[app] ' + req.method + ' ' + req.url);
  res.end('hello from the app');
}).listen(process.env.port || 5000);
`

describe('a CommonJS program written for 0.3 runs unchanged', () => {
  const folder = install()
  newAppIn(folder)

  test('when it starts a script with a callback, requests a page over the socket and stops the script', async () => {
    const program = newFile(
      'server.js',
      `var http = require('http');
var spinner = require('spinner').createSpinner();
spinner.start('./app.js', function (err, socket) {
  if (err) throw err;
  var request = http.request({ socketPath: socket });
  request.on('response', function (response) {
    console.log('[server] ' + response.statusCode);
    response.on('data', function (data) { console.log('[server] <' + data.toString() + '>'); });
    response.on('end', function () { spinner.stop('./app.js'); });
  });
  request.end();
});
`,
      folder,
    )
    const { code, output } = await runHost(program)
    expect(code).toBe(0)
    const socket = /\[app\] listens on (\S+)/.exec(output)?.[1] as string
    expect(output).toContain('[app] GET /')
    expect(output).toContain('[server] 200')
    expect(output).toContain('[server] <hello from the app>')
    expect(existsSync(socket)).toBe(false)
  })

  test('when it listens to the events of its child and stops all children with a callback', async () => {
    const program = newFile(
      'events.js',
      `var spinner = require('spinner').createSpinner({ logger: null, stdout: null });
var child = spinner.start({ name: 'app', args: ['./app.js'], env: { A: '1' }, monitor: null }, function (err, port) {
  if (err) throw err;
  console.log('callback ' + (port === child.address));
  console.log(spinner.get('app').state + ' ' + Object.keys(spinner.list()).join());
  spinner.stopall(function (err) { console.log('all stopped ' + !err); });
});
child.on('started', function (port) { console.log('started ' + typeof port); });
child.on('stopped', function () { console.log('stopped ' + arguments.length + ' ' + spinner.get('app').state); });
child.on('error', function (e) { console.log('error ' + e.message); });
`,
      folder,
    )
    expect(await runHost(program)).toEqual({
      code: 0,
      signal: null,
      output: 'started string\ncallback true\nstarted app\nstopped 0 stopped\nall stopped true\n',
    })
  })
})

function newAppIn(folder: string): void {
  writeFileSync(path.join(folder, 'app.js'), APP)
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
}
