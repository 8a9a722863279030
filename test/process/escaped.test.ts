import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { realSys } from '../../src/sys.ts'
import { failureOf, lives, watched } from '../support/children.ts'
import { sysWith } from '../support/clock.ts'
import { newFolder, newSpinner, until } from '../support/host.ts'
import { endAll, marked, shell } from '../support/hosts.ts'

/** Writes its number to a file when it is set up, and a line there at each SIGTERM. */
const telling = (file: string, atTerm = 'exit'): string =>
  `sh -c 'trap "echo TERM >> ${file}; ${atTerm}" TERM; echo $$ > ${file}; while :; do sleep 0.01; done'`

const read = (file: string): string[] => {
  try {
    return readFileSync(file, 'utf8').trim().split('\n')
  } catch {
    return []
  }
}

/** The pid that a stray has written, once it has. */
const pidIn = (file: string): Promise<number> => until(() => Number(read(file)[0]), 'the stray')

const WAYS = {
  'calls setsid': (program: string) => `setsid ${program} & exec sleep 600`,
  'forks twice': (program: string) => `(setsid ${program} &); exec sleep 600`,
  'clears its environment': (program: string) => `setsid env -i ${program} & exec sleep 600`,
  'outlives a leader that ends at once': (program: string) => `(setsid ${program} &); exit 0`,
}

describe.runIf(process.platform === 'linux')('a process that left its group', () => {
  test.each(Object.entries(WAYS))(
    'and %s is asked once, and gone when stop() resolves',
    async (_way, script) => {
      const file = path.join(newFolder(), 'told')
      const child = newSpinner({ restart: 'never' }).start(shell('a', script(telling(file))))
      const stray = await pidIn(file)
      await child.stop()
      expect(lives(stray)).toBe(false)
      expect(read(file)).toEqual([String(stray), 'TERM'])
    },
  )

  test('is killed at stopTimeout when it ignores the stop signal', async () => {
    const file = path.join(newFolder(), 'told')
    const { sys, clock } = watched()
    const child = newSpinner({}, sys).start(shell('a', WAYS['calls setsid'](telling(file, ':'))))
    const stray = await pidIn(file)
    const stop = child.stop()
    await until(() => read(file).includes('TERM'), 'the signal')
    expect(child.state).toBe('stopping')
    await clock.advance(31)
    await stop
    expect(lives(stray)).toBe(false)
  })

  test('is gone before anything is spawned after a crash', async () => {
    const file = path.join(newFolder(), 'told')
    const strays: number[] = []
    const livesAtSpawn: boolean[] = []
    const sys = sysWith({
      spawn: (...call) => {
        livesAtSpawn.push(strays.some(lives))
        return realSys.spawn(...call)
      },
    })
    const child = newSpinner({ stopTimeout: 0.05 }, sys).start(
      shell('a', WAYS['calls setsid'](telling(file, ':'))),
    )
    await child
    strays.push(await pidIn(file))
    process.kill(child.pid as number, 'SIGKILL')
    await until(() => child.info().restarts === 1 && child.state === 'started', 'the restart')
    expect(livesAtSpawn).toEqual([false, false])
  })

  test('is named with its pid when nothing can end it, and nothing is started over it', async () => {
    const file = path.join(newFolder(), 'told')
    let mayKill = false
    let stray = 0
    const kill: typeof realSys.kill = (pid, signal) => {
      if (pid !== stray || mayKill) realSys.kill(pid, signal)
    }
    const { sys, clock, pids } = watched({ kill })
    const child = newSpinner({}, sys).start(shell('a', WAYS['calls setsid'](telling(file))))
    stray = await pidIn(file)
    const failure = failureOf(child.stop())
    await until(() => !lives(child.pid ?? 0), 'the end of the leader')
    await clock.advance(36)
    expect(await failure).toMatchObject({
      code: 'ERR_SPINNER_STILL_ALIVE',
      message: expect.stringMatching(`[( ]${stray}[,)]`),
    })
    expect(child.state).toBe('faulted')
    const again = failureOf(child.restart())
    await clock.advance(6)
    expect(await again).toMatchObject({ code: 'ERR_SPINNER_STILL_ALIVE' })
    expect(pids).toHaveLength(1)
    mayKill = true
    await child.stop()
    expect(lives(stray)).toBe(false)
  })

  test('does not hold up stop() for ever where nothing can be seen', async () => {
    const file = path.join(newFolder(), 'told')
    let isBlind = false
    const readdirSync = ((...call: Parameters<typeof realSys.fs.readdirSync>) => {
      if (isBlind && call[0] === '/proc') throw Object.assign(new Error('no descriptors'), { code: 'EMFILE' })
      return realSys.fs.readdirSync(...call)
    }) as typeof realSys.fs.readdirSync
    const sys = sysWith({ fs: { ...realSys.fs, readdirSync } })
    const child = newSpinner({}, sys).start(shell('a', WAYS['calls setsid'](telling(file))))
    const stray = await pidIn(file)
    isBlind = true
    await child.stop()
    expect(child.state).toBe('stopped')
    expect(lives(stray)).toBe(true)
    endAll()
    await until(() => marked().length === 0, 'its end')
  })

  test('of another child is not touched', async () => {
    const folder = newFolder()
    const [mine, others] = [path.join(folder, 'mine'), path.join(folder, 'others')]
    const spinner = newSpinner()
    const child = spinner.start(shell('mine', WAYS['calls setsid'](telling(mine))))
    const other = spinner.start(shell('others', WAYS['calls setsid'](telling(others))))
    await Promise.all([pidIn(mine), pidIn(others)])
    await child.stop()
    expect(lives(await pidIn(mine))).toBe(false)
    expect(read(others)).toHaveLength(1)
    await other.stop()
    expect(read(others)).toHaveLength(2)
  })
})
