import { describe, test } from 'vitest'
import {
  noMount,
  noOtherUser,
  withoutDescriptors,
  withoutProcesses,
  withoutTemporaryFiles,
} from '../chaos/machine-limits.ts'
import { noOwnInotify, withListenersThat, withoutWatches, withPath } from '../chaos/machine-programs.ts'
import { heldUp } from '../chaos/machine-time.ts'

/** Whether a test can run here; where it cannot, why, but for where everything must. */
function possible(missing: () => string | null): boolean {
  const why = missing()
  if (why === null) return true
  if (process.env['CI'] === 'true') throw new Error(why)
  console.warn(`tests are skipped: ${why}`)
  return false
}

const linux = process.platform === 'linux'

describe.runIf(linux)('a host', () => {
  test.each(['socket', 'port'] as const)(
    'H12 out of descriptors starts a child that listens on a %s when it has some again, and stops others meanwhile',
    (listen) => withoutDescriptors(64, { failures: 2, listen, spare: 0, ends: 'start', cold: false }),
  )

  test('H12 out of descriptors closes', () =>
    withoutDescriptors(64, { failures: 1, listen: 'socket', spare: 0, ends: 'close', cold: false }))

  test.runIf(linux && possible(noOtherUser))(
    'H11 that may start no more processes starts a child when it may again',
    () => withoutProcesses(51_237, 'socket'),
  )

  describe.runIf(linux && possible(noMount))('H11', () => {
    test('with a full folder for temporary files starts a child when there is room', () =>
      withoutTemporaryFiles('full', true))

    test('that may write no temporary files gives up after its attempts, and starts a child when it may', () =>
      withoutTemporaryFiles('read-only', true))

    test('that may not write temporary files any more starts a child when it may', () =>
      withoutTemporaryFiles('read-only', false))
  })

  describe.runIf(linux && possible(noOwnInotify))('H41', () => {
    test('that may watch no more files looks at them instead', () =>
      withoutWatches('watches', 3, { wait: 0, file: 11 }))

    test('that may watch nothing at all looks instead', () =>
      withoutWatches('instances', 0, { wait: 0, file: 0 }))
  })

  test('H3 needs no program on PATH', () => withPath('', 'stop'))

  test.each(['throws', 'rejects'] as const)(
    'H29 goes through the same states when whatever hears of it %s',
    (how) => withListenersThat(how),
  )

  test.each(['blocked', 'frozen'] as const)('H20 whose loop is %s restarts no child for that', (how) =>
    heldUp(how, [
      { after: 50, ms: 1_500, order: 'start' },
      { after: 50, ms: 700, order: 'stop' },
    ]),
  )
})
