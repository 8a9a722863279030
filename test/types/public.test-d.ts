import http from 'node:http'
import type { Writable } from 'node:stream'
import { describe, expectTypeOf, test } from 'vitest'
import { check, command, memory, responseTime } from '../../src/checks/index.ts'
import { createGateway } from '../../src/gateway/index.ts'
import {
  type Address,
  type Allocator,
  type Check,
  type Child,
  type ChildInfo,
  type ChildState,
  createSpinner,
  type Exit,
  type Lease,
  type Logger,
  type OutputStream,
  type Plugin,
  type Spinner,
  SpinnerError,
  type SpinnerErrorCode,
  type SpinnerOptions,
  type StartOptions,
  type Target,
  type WatchOptions,
} from '../../src/index.ts'

declare const spinner: Spinner
declare const child: Child

describe('waiting', () => {
  test('createSpinner returns a spinner', () => {
    expectTypeOf(createSpinner).returns.toEqualTypeOf<Spinner>()
    expectTypeOf(createSpinner).parameter(0).toEqualTypeOf<SpinnerOptions | undefined>()
  })

  test('start returns a child at once, and awaiting it returns the address', () => {
    expectTypeOf(spinner.start('a.js')).toEqualTypeOf<Child>()
    expectTypeOf<Awaited<Child>>().toEqualTypeOf<Address | null>()
    expectTypeOf<Address>().toEqualTypeOf<string | number>()
    expectTypeOf(child.then((address) => address)).resolves.toEqualTypeOf<Address | null>()
    expectTypeOf(child.then(() => 1 as const)).resolves.toEqualTypeOf<1>()
  })

  test('calls accept callbacks', () => {
    spinner.start('a.js', (error, address) => {
      expectTypeOf(error).toEqualTypeOf<Error | null>()
      expectTypeOf(address).toEqualTypeOf<Address | null | undefined>()
    })
    spinner.stop('a.js', (error) => expectTypeOf(error).toEqualTypeOf<Error | null>())
    spinner.restart('a.js', (_error, address) =>
      expectTypeOf(address).toEqualTypeOf<Address | null | undefined>(),
    )
    spinner.stopAll((error) => expectTypeOf(error).toEqualTypeOf<Error | null>())
    spinner.stopall(() => {})
  })

  test('the other calls return promises', () => {
    expectTypeOf(spinner.stop('a')).toEqualTypeOf<Promise<void>>()
    expectTypeOf(spinner.stopAll()).toEqualTypeOf<Promise<void>>()
    expectTypeOf(spinner.restart('a')).toEqualTypeOf<Promise<Address | null>>()
    expectTypeOf(spinner.close()).toEqualTypeOf<Promise<void>>()
    expectTypeOf(child.stop()).toEqualTypeOf<Promise<void>>()
    expectTypeOf(child.restart()).toEqualTypeOf<Promise<Address | null>>()
    expectTypeOf(child.send({})).toEqualTypeOf<Promise<boolean>>()
  })

  test('every wait accepts a signal', () => {
    const { signal } = new AbortController()
    spinner.start({ script: 'a.js', signal })
    void spinner.stop('a', { signal })
    void spinner.restart('a', { signal })
    void spinner.acquire('a', { signal })
    void child.acquire({ signal })
    // @ts-expect-error The name of a signal is not an AbortSignal.
    void spinner.stop('a', { signal: 'SIGTERM' })
  })
})

describe('leases', () => {
  test('can be held with `using` and `await using`', async () => {
    await using lease = await spinner.acquire('a.js')
    using other = await child.acquire()
    expectTypeOf(lease).toEqualTypeOf<Lease>()
    expectTypeOf(other.address).toEqualTypeOf<Address | null>()
    expectTypeOf(lease.target).toEqualTypeOf<Target | null>()
    expectTypeOf(lease.release()).toBeVoid()
  })

  test('a spinner can be held with `await using`', async () => {
    await using held = createSpinner()
    expectTypeOf(held).toEqualTypeOf<Spinner>()
  })
})

describe('events', () => {
  test('of a child have typed arguments', () => {
    child.on('started', (address) => expectTypeOf(address).toEqualTypeOf<Address | null>())
    child.on('restarted', (address) => expectTypeOf(address).toEqualTypeOf<Address | null>())
    child.once('stopped', () => {})
    child.on('faulted', (error) => expectTypeOf(error).toEqualTypeOf<SpinnerError>())
    child.on('error', (error) => expectTypeOf(error).toEqualTypeOf<Error>())
    child.on('exit', (exit) => expectTypeOf(exit).toEqualTypeOf<Exit>())
    child.on('message', (message) => expectTypeOf(message).toBeUnknown())
    child.on('state', (to, from, reason) => {
      expectTypeOf(to).toEqualTypeOf<ChildState>()
      expectTypeOf(from).toEqualTypeOf<ChildState>()
      expectTypeOf(reason).toBeString()
    })
    child.on('output', (stream, line) => {
      expectTypeOf(stream).toEqualTypeOf<OutputStream>()
      expectTypeOf(line).toBeString()
    })
  })

  test('of a spinner have the child as the first argument', () => {
    spinner.on('started', (of, address) => {
      expectTypeOf(of).toEqualTypeOf<Child>()
      expectTypeOf(address).toEqualTypeOf<Address | null>()
    })
    spinner.on('state', (of, to) => {
      expectTypeOf(of).toEqualTypeOf<Child>()
      expectTypeOf(to).toEqualTypeOf<ChildState>()
    })
    spinner.once('exit', (_of, { code, signal }) => {
      expectTypeOf(code).toEqualTypeOf<number | null>()
      expectTypeOf(signal).toEqualTypeOf<NodeJS.Signals | null>()
    })
  })

  test('listeners can be async, and on, once and off can be chained', () => {
    const listener = async (address: Address | null): Promise<void> => void address
    expectTypeOf(child.on('started', listener).once('stopped', () => {})).toEqualTypeOf<Child>()
    expectTypeOf(child.off('started', listener).off('started')).toEqualTypeOf<Child>()
    expectTypeOf(spinner.on('stopped', () => {})).toEqualTypeOf<Spinner>()
  })

  test('an unknown event and a wrong listener are compile errors', () => {
    // @ts-expect-error There is no such event.
    child.on('start', () => {})
    // @ts-expect-error The events of a child have no child as argument.
    child.on('started', (of: Child) => of.name)
    // @ts-expect-error The event `stopped` has no arguments.
    child.on('stopped', (why: string) => why)
    // @ts-expect-error The first argument is the child.
    spinner.on('started', (address: string) => address)
  })
})

describe('options', () => {
  test('can all be given, each in each of its forms', () => {
    const allocator: Allocator = { allocate: () => 80, release: () => {} }
    const check: Check = { name: 'well', interval: 5, retries: 3, run: async () => {} }
    const logger: Logger = console
    const all: StartOptions[] = [
      { script: 'a.js', args: ['-v'], env: { A: 1, B: true, C: undefined }, extendEnv: ['HOME'] },
      { name: 'a', command: 'ls', cwd: new URL('file:///tmp'), logger, stdout: null, stdin: 'pipe' },
      { name: 'a', timeout: '500ms', idleTimeSec: null, stopSignal: 'SIGINT', stopScope: 'group' },
      { name: 'a', listen: allocator, ready: { http: '/' }, monitor: { paths: ['a'], ignore: /x/ } },
      { name: 'a', listen: 80, ready: { output: /x/ }, monitor: null, checks: [check] },
      { name: 'a', listen: null, ready: async (of, signal) => void [of.pid, signal.aborted] },
    ]
    expectTypeOf(all).toEqualTypeOf<StartOptions[]>()
  })

  test('unknown names are compile errors', () => {
    // @ts-expect-error The option is called idleTimeSec.
    spinner.start({ script: 'a.js', idleTimeoutSec: 5 })
    // @ts-expect-error concurrency is an option of createSpinner().
    spinner.start({ script: 'a.js', concurrency: 5 })
    // @ts-expect-error A name belongs to one child.
    createSpinner({ name: 'a' })
    // @ts-expect-error A script belongs to one child.
    createSpinner({ script: 'a.js' })
    // @ts-expect-error Arguments belong to one child.
    createSpinner({ args: [] })
    // @ts-expect-error The signal of a caller belongs to one call.
    createSpinner({ signal: new AbortController().signal })
  })

  test('values of the wrong type are compile errors', () => {
    // @ts-expect-error The signal is called SIGTERM.
    spinner.start({ script: 'a.js', stopSignal: 'TERM' })
    // @ts-expect-error args is an array.
    spinner.start({ script: 'a.js', args: '-v' })
    // @ts-expect-error restart is not a boolean.
    spinner.start({ script: 'a.js', restart: true })
    // @ts-expect-error The path of a request is a string.
    spinner.start({ script: 'a.js', ready: { http: 80 } })
    // @ts-expect-error start() requires a script or options.
    spinner.start()
  })
})

describe('options after validation', () => {
  test('are complete: seconds, bytes and paths instead of strings and URLs', () => {
    type Settings = ChildInfo['options']
    expectTypeOf<Settings['timeout']>().toEqualTypeOf<number>()
    expectTypeOf<Settings['idleTimeSec']>().toEqualTypeOf<number | null>()
    expectTypeOf<Settings['cwd']>().toEqualTypeOf<string | null>()
    expectTypeOf<Settings['script']>().toEqualTypeOf<string | null>()
    expectTypeOf<Settings['uid']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<Settings['listen']>().toEqualTypeOf<'socket' | 'port' | number | Allocator | null>()
    expectTypeOf<Settings['restart']>().toEqualTypeOf<'always' | 'on-failure' | 'never'>()
    expectTypeOf<Settings['args']>().toEqualTypeOf<readonly string[]>()
    expectTypeOf<NonNullable<Settings['monitor']>['debounce']>().toEqualTypeOf<number>()
  })
})

describe('info', () => {
  test('of a child', () => {
    expectTypeOf(child.state).toEqualTypeOf<ChildState>()
    expectTypeOf(child.pid).toEqualTypeOf<number | null>()
    expectTypeOf(child.stdin).toEqualTypeOf<Writable | null>()
    expectTypeOf(child.info()).toEqualTypeOf<ChildInfo>()
    expectTypeOf(spinner.get('a')).toEqualTypeOf<ChildInfo | null>()
    expectTypeOf(spinner.list()).toEqualTypeOf<Record<string, ChildInfo>>()
    expectTypeOf(spinner.child('a')).toEqualTypeOf<Child | undefined>()
    expectTypeOf<ChildInfo['options']['timeout']>().toBeNumber()
    expectTypeOf<ChildInfo['options']['env']>().toEqualTypeOf<readonly string[]>()
    expectTypeOf<ChildState>().toEqualTypeOf<
      'stopped' | 'starting' | 'started' | 'stopping' | 'restart' | 'faulted'
    >()
  })

  test('is read-only', () => {
    // @ts-expect-error A snapshot is read-only.
    child.info().state = 'stopped'
    // @ts-expect-error Only the child changes its state.
    child.state = 'stopped'
  })

  test('of an error', () => {
    const error = new SpinnerError('ERR_SPINNER_SPAWN', 'x', { child: 'a' })
    expectTypeOf(error).toExtend<Error>()
    expectTypeOf(error.code).toEqualTypeOf<SpinnerErrorCode>()
    expectTypeOf(error.retryAt).toEqualTypeOf<Date | undefined>()
    // @ts-expect-error There is no such code.
    new SpinnerError('ERR_SPINNER_OOPS', 'x')
  })
})

test('a plugin needs only a name; its hooks are optional', () => {
  const whole: Plugin = {
    name: 'a',
    setup: (of) => expectTypeOf(of).toEqualTypeOf<Spinner>(),
    ready: (of) => expectTypeOf(of).toEqualTypeOf<Child>(),
    drain: async (_of, reason, signal) => {
      expectTypeOf(reason).toBeString()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    },
    gone: () => {},
    close: () => {},
  }
  expectTypeOf(spinner.use(whole)).toEqualTypeOf<() => void>()
  spinner.use({ name: 'bare' })
  // @ts-expect-error A plugin needs a name.
  spinner.use({})
})

describe('what a plugin may use', () => {
  test('of a child', () => {
    expectTypeOf(child.serves).toBeBoolean()
    expectTypeOf(child.needsRetry).toBeBoolean()
    expectTypeOf(child.tryAcquire()).toEqualTypeOf<Lease | null>()
    expectTypeOf(child.reload()).toEqualTypeOf<Promise<Address | null>>()
    expectTypeOf(child.reportError(new Error('x'))).toBeVoid()
    expectTypeOf(child.reportError).parameter(0).toBeUnknown()
    expectTypeOf(child.info().elsewhere).toEqualTypeOf<string | null>()
    // @ts-expect-error The child decides whether it serves.
    child.serves = true
    // @ts-expect-error A lease that is there at once needs no options.
    child.tryAcquire({ signal: new AbortController().signal })
  })

  test('of a spinner', () => {
    expectTypeOf(spinner.define({ name: 'a', script: 'a.js' })).toEqualTypeOf<Child>()
    expectTypeOf(spinner.isClosing).toBeBoolean()
    expectTypeOf(spinner.defaults).toEqualTypeOf<Readonly<Record<string, unknown>>>()
    // @ts-expect-error A child is defined by options, not by a script alone.
    spinner.define('a.js')
    // @ts-expect-error The defaults are given to createSpinner().
    spinner.defaults = {}
  })

  test('to watch files', () => {
    const options: WatchOptions = { paths: ['a'], ignore: /x/, debounce: '1s', cwd: new URL('file:///tmp') }
    const end = spinner.watch(
      options,
      (file) => expectTypeOf(file).toBeString(),
      (error) => expectTypeOf(error).toEqualTypeOf<Error>(),
    )
    expectTypeOf(end).toEqualTypeOf<() => void>()
    spinner.watch({ paths: 'a' }, () => {})
    // @ts-expect-error There is nothing to watch.
    spinner.watch({}, () => {})
    // @ts-expect-error Nobody would learn of a change.
    spinner.watch({ paths: 'a' })
  })
})

describe('the ready-made checks', () => {
  test('are checks with typed options', () => {
    expectTypeOf(memory({ limit: '100MB', interval: '5s', tree: false })).toEqualTypeOf<Check>()
    expectTypeOf(responseTime({ headers: { host: 'a', age: 1 } })).toEqualTypeOf<Check>()
    expectTypeOf(command({ command: 'true', env: { A: undefined } })).toEqualTypeOf<Check>()
    expectTypeOf(
      check('a', async (of, signal) => ({ pid: of.pid ?? 0, ended: Number(signal.aborted) })),
    ).toEqualTypeOf<Check>()
    expectTypeOf(check('a', async () => null, { timeout: 1 })).toEqualTypeOf<Check>()
    expectTypeOf(check('a', async () => {})).toEqualTypeOf<Check>()
    // @ts-expect-error memory() requires a limit.
    memory({})
    // @ts-expect-error Figures are numbers.
    check('a', async () => ({ status: 'fine' }))
    // @ts-expect-error A check fails by rejecting, not with false.
    check('a', async () => false)
  })
})

describe('the gateway', () => {
  test('has handlers for servers of Node, and can listen itself', () => {
    const gateway = createGateway(spinner, { routes: [{ host: 'a.localhost', to: 'a' }] })
    expectTypeOf(
      http.createServer(gateway.handler).on('upgrade', gateway.upgrade),
    ).toEqualTypeOf<http.Server>()
    expectTypeOf(gateway.listen({ port: 80, host: '::' })).resolves.toHaveProperty('port')
    expectTypeOf(gateway.close()).toEqualTypeOf<Promise<void>>()
  })

  test('takes a table, or a function that is synchronous or async', () => {
    createGateway(spinner, {
      routes: (request) => (request.url === '/' ? null : { name: 'a', script: 'a.js' }),
    })
    createGateway(spinner, { routes: async () => 'a' })
    createGateway(spinner, { routes: [{ host: '*.a.localhost', to: (_request, name) => ({ name }) }] })
    // @ts-expect-error A route requires a target.
    createGateway(spinner, { routes: [{ host: 'a.localhost' }] })
    // @ts-expect-error A number is not a target.
    createGateway(spinner, { routes: () => 5 })
  })
})
