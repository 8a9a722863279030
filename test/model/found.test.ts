import { expect, test, vi } from 'vitest'
import type { Command, Setting } from './commands.ts'
import { play } from './play.ts'

vi.mock('chokidar', () => ({ watch: () => ({ on: () => {}, close: async () => {}, closed: true }) }))

// Bugs that the model has found in the product, all fixed since. The commands are the shrunk counterexamples.
const ONE: Setting = { names: ['a'], concurrency: 1, random: 0.01, options: [{}] }

const start = (options: Extract<Command, { do: 'start' }>['options'] = null): Command => ({
  do: 'start',
  child: 0,
  pace: 'quiet',
  signal: 'none',
  callback: false,
  options,
})
const bind: Command = { do: 'bind', child: 0, pace: 'quiet', oldest: false }

test('a child without an address that fails with a foreign listener uses up an attempt, because there is no address to change', async () => {
  const foreign: Command = { do: 'bindForeign', child: 0, pace: 'quiet', oldest: false }
  await expect(play(ONE, [start({ attempts: 1, listens: false }), foreign])).resolves.toBeUndefined()
})

test('options that are given while a child starts do not apply to the process that was spawned before', async () => {
  const later: Command = { do: 'advance', ms: 3_050, pace: 'quiet' }
  await expect(play(ONE, [start(), start({ idleTimeSec: 2.4 }), bind, later])).resolves.toBeUndefined()
})

test('a start that was queued behind a stop is not repeated when processes that survived the stop are stopped later', async () => {
  const commands: Command[] = [
    start(),
    { do: 'stop', child: 0, pace: 'turn', signal: 'none', by: 'name' },
    { do: 'restart', child: 0, pace: 'turn', signal: 'none', by: 'name' },
    { do: 'advance', ms: 41_000, pace: 'turn' },
    { do: 'stop', child: 0, pace: 'quiet', signal: 'none', by: 'name' },
  ]
  await expect(play(ONE, commands)).resolves.toBeUndefined()
})

test('an allocator call that never settles for a stopped start does not affect the address of the next start', async () => {
  const asks: Command = { ...start(), pace: 'turn' } as Command
  const commands: Command[] = [
    asks,
    { do: 'stop', child: 0, pace: 'turn', signal: 'none', by: 'name' },
    asks,
    { do: 'happen', which: 1, pace: 'turn' },
    { ...bind, pace: 'turn' },
    { do: 'happen', which: 1, pace: 'turn' },
    { do: 'advance', ms: 3_050, pace: 'turn' },
  ]
  await expect(play(ONE, commands)).resolves.toBeUndefined()
})

test('a close waits for a child that survived its stop and was stopped once more meanwhile', async () => {
  const two: Setting = { ...ONE, names: ['a', 'b'], concurrency: 2, options: [{}, {}] }
  const commands: Command[] = [
    { ...start({ stopTimeout: 8 }), child: 1 } as Command,
    start(),
    { do: 'close', pace: 'turn' },
    { do: 'advance', ms: 8_200, pace: 'turn' },
    { do: 'stop', child: 0, pace: 'quiet', signal: 'none', by: 'handle' },
  ]
  await expect(play(two, commands)).resolves.toBeUndefined()
})

test('a crash outside a short `restartTolerance` counts again when a later start sets a longer one', async () => {
  const crash: Command = { do: 'crash', child: 0, pace: 'quiet', end: 1, leaves: false }
  const wait: Command = { do: 'advance', ms: 3_050, pace: 'quiet' }
  const setting: Setting = { ...ONE, options: [{ maxRestarts: 2, listens: false }] }
  const commands = [
    start({ restartTolerance: 0.7 }),
    bind,
    crash,
    bind,
    wait,
    crash,
    start({}),
    wait,
    bind,
    crash,
  ]
  await expect(play(setting, commands)).resolves.toBeUndefined()
})

test('an address that is not needed any more is released to the allocator that gave it, even if another is in use by then', async () => {
  const commands: Command[] = [
    { ...start(), pace: 'turn' } as Command,
    { do: 'stop', child: 0, pace: 'turn', signal: 'none', by: 'name' },
    start({ startFirst: true }),
  ]
  await expect(play(ONE, commands)).resolves.toBeUndefined()
})

// Bugs of the model itself, all fixed since.
test('a new version that crashes lets another start pass the start gate, and tries again after it', async () => {
  const on = (child: number, command: Command): Command => ({ ...command, child }) as Command
  const setting: Setting = { ...ONE, names: ['a', 'constructor'], options: [{}, {}, {}] }
  const restart: Command = { do: 'restart', child: 0, pace: 'quiet', signal: 'none', by: 'name' }
  const commands: Command[] = [
    { do: 'spawnFails', child: 1, pace: 'quiet', errno: 'ENOENT', sync: true },
    start({ startFirst: true }),
    bind,
    restart,
    on(1, start()),
    { do: 'crash', pace: 'quiet', child: 0, end: 1, leaves: false },
    { do: 'advance', ms: 1_050, pace: 'turn' },
  ]
  await expect(play(setting, commands)).resolves.toBeUndefined()
})

test('a replacement that has nothing to clean up passes the start gate before another child that tries again', async () => {
  const on = (child: number, command: Command): Command => ({ ...command, child }) as Command
  const setting: Setting = {
    ...ONE,
    names: ['a', 'b'],
    options: [{ startFirst: true }, { attempts: 1 }, {}],
  }
  const restart: Command = { do: 'restart', child: 0, pace: 'quiet', signal: 'none', by: 'name' }
  const commands: Command[] = [
    start(),
    { do: 'spawnFails', child: 1, pace: 'quiet', errno: 'ENOENT', sync: false },
    bind,
    on(1, start()),
    on(1, bind),
    on(1, { ...restart, pace: 'none' } as Command),
    restart,
    bind,
  ]
  await expect(play(setting, commands)).resolves.toBeUndefined()
})
