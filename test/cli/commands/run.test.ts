import { spawnSync } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { lives } from '../../support/children.ts'
import { Command, newSite, pidOf, recorded, recordedPids } from '../../support/command.ts'
import { until } from '../../support/host.ts'
import { nothingLives } from '../../support/hosts.ts'
import { install } from '../../support/installed.ts'
import { run as runProgram } from '../../support/programs.ts'

const spinner = new Command(install())

/** Describes a cheap child that prints some words, and `asked` at each stop signal. */
const talker = (name: string, words: string): string =>
  `  ${name}: { command: sh, args: [-c, 'trap "echo asked; exit 0" TERM; echo ${words}; while :; do sleep 60 & wait; done'], listen: null }\n`

describe('spinner run', () => {
  test('prints output and events of children, and exits with 0 and no process left after SIGTERM', async () => {
    const { folder } = newSite(
      `children:\n${talker('web', 'hello')}${talker('worker-1', 'working; echo oops >&2')}`,
    )
    const running = spinner.run(['run'], { folder })
    await running.until(/started \(pid/, 2)
    await running.until(/oops/)
    const pids = ['web', 'worker-1'].map((name) => pidOf(running.output(), name))
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0, signal: null })
    expect(pids.map(lives)).toEqual([false, false])
    const lines = running.output().split('\n')
    expect(lines).toContain('web      | hello')
    expect(lines).toContain('worker-1 ! oops')
    expect(lines).toContain('spinner  * SIGTERM: stopping all children (again to kill)')
    expect(lines).toContain('web      * stopped: it was asked to stop')
    expect(lines.filter((line) => line.endsWith('| asked'))).toHaveLength(2)
  })

  test('prints JSON lines with --json', async () => {
    const { folder } = newSite(`children:\n${talker('web', '$(printf "\\033]0;x\\007")hello')}`)
    const running = spinner.run(['run', '--json'], { folder })
    await running.until(/"event":"started"/)
    await running.until(/hello/)
    running.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130 })
    const records = running
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    for (const { time } of records) expect(new Date(time).toISOString()).toBe(time)
    expect(records).toContainEqual(expect.objectContaining({ child: 'web', stream: 'stdout', line: 'hello' }))
    expect(records).toContainEqual(
      expect.objectContaining({ child: 'web', event: 'started', address: null, pid: expect.any(Number) }),
    )
    expect(records.at(-1)).toMatchObject({ child: 'web', event: 'stopped' })
  })

  test('keeps running while all children wait for their next try', async () => {
    const twice = 'test -e ran && echo up && exec sleep 600; touch ran; exit 1'
    const { folder } = newSite(
      `pools:\n  p: { size: 1, command: sh, args: [-c, '${twice}'], listen: null, ready: { output: up }, attempts: 1, faultTimeout: 1s, cwd: . }\n`,
    )
    const running = spinner.run(['run'], { folder })
    await running.until(/p-0 +\* faulted/)
    await running.until(/p-0 +\* started/)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('kills the remaining processes at a second signal', async () => {
    const deaf = `children:\n  deaf: { command: sh, args: [-c, 'trap "echo deaf" TERM; echo up; while :; do sleep 60 & wait; done'], listen: null, stopTimeout: 1h }\n`
    const { folder } = newSite(deaf)
    const running = spinner.run(['run'], { folder })
    await running.until(/\| up/)
    await running.until(/started \(pid/)
    running.kill('SIGTERM')
    await running.until(/\| deaf/)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 143 })
    await nothingLives([pidOf(running.output(), 'deaf')])
  })

  test('ignores a second signal that npm forwards immediately', async () => {
    const { folder } = newSite(`children:\n${talker('web', 'hello')}`)
    const running = spinner.run(['run'], { folder, env: { npm_lifecycle_event: 'start' } })
    await running.until(/hello/)
    await running.until(/started/)
    // Send a different signal, because the system merges equal signals that are pending.
    running.kill('SIGINT')
    running.kill('SIGTERM')
    const { code, output } = await running.ended
    // Expect either code, because the system may deliver two pending signals in any order.
    expect([130, 0]).toContain(code)
    expect(output).toContain('| asked')
  })

  test('exits when all children have exited, with a code that says whether one failed', async () => {
    const once = (code: number): string =>
      `children:\n  job: { command: sh, args: [-c, exit ${code}], listen: null, restart: never }\n`
    const good = spinner.run(['run'], { folder: newSite(once(0)).folder })
    expect(await good.ended).toMatchObject({
      code: 0,
      output: expect.stringContaining('all children have exited'),
    })
    const bad = spinner.run(['run'], { folder: newSite(once(3)).folder })
    expect(await bad.ended).toMatchObject({ code: 1 })
  })

  test('rejects a configuration without children, and lists the environments', async () => {
    const { folder } = newSite('environments:\n  production: {}\n  staging: {}\n')
    const running = spinner.run(['run'], { folder })
    expect(await running.ended).toEqual({
      code: 2,
      signal: null,
      output:
        'spinner.yml: nothing to run: there are no children and no pools; choose an environment with -e: production, staging\n',
    })
  })

  test('H23: stops all children and exits with 0 when its reader has exited', async () => {
    const { folder } = newSite(
      `children:\n  talks: { command: sh, args: [-c, 'while :; do echo again; sleep 0.05; done'], listen: null }\n`,
    )
    const line = `('${process.execPath}' '${spinner.program}' run; echo "code $?" >&2) | head -1`
    const outcome = await runProgram('sh', ['-c', line], folder)
    expect(outcome.output).toContain('code 0')
    expect(outcome.output.split('\n').filter((text) => text !== '')).toHaveLength(2)
  })

  test.runIf(existsSync('/dev/full'))(
    'loses lines and no child when the disk of stdout is full',
    async () => {
      const { folder } = newSite(`children:\n${recorded('web', 'echo up')}`)
      const running = spinner.run(['run'], { folder, stdout: '/dev/full' })
      await running.until(/cannot write to stdout, lines are lost: ENOSPC/)
      const [first] = await recordedPids(folder, 1)
      process.kill(first as number, 'SIGKILL')
      await recordedPids(folder, 2)
      running.kill('SIGTERM')
      const { code, output } = await running.ended
      expect(code).toBe(0)
      expect(output.match(/lines are lost/g)).toHaveLength(1)
    },
  )

  test('exits although its output is not read', async () => {
    const flood = 'seq -f %0200.0f 2000; touch written'
    const { folder } = newSite(`children:\n${recorded('web', flood)}`)
    const pipe = path.join(folder, 'pipe')
    spawnSync('mkfifo', [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const running = spinner.run(['run'], { folder, stdout: pipe })
    await until(() => existsSync(path.join(folder, 'written')))
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
    closeSync(reader)
  })

  test('tries a faulted child again', async () => {
    const script = 'test -e corrected || exit 1; echo corrected; sleep 60'
    const { folder } = newSite(
      `children:\n  web: { command: sh, args: [-c, '${script}'], listen: null, ready: { output: corrected }, attempts: 1, faultTimeout: 100ms }\n`,
    )
    const running = spinner.run(['run'], { folder })
    await running.until(/web +\* faulted: .*exited with code 1.*\n.*trying again in 0\.1 s/)
    writeFileSync(path.join(folder, 'corrected'), '')
    await running.until(/web +\* started/)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('writes all output of a child to its file, and to a named pipe that is read', async () => {
    const script = 'trap "seq -f %080.0f 8000; exit 0" TERM; echo up; while :; do sleep 60 & wait; done'
    const child = (name: string): string =>
      `  ${name}: { command: sh, args: [-c, '${script}'], listen: null, stdout: ${name}.log }\n`
    const { folder } = newSite(`children:\n${child('a')}${child('b')}`)
    spawnSync('mkfifo', [path.join(folder, 'b.log')])
    // Keep the pipe open, so that it holds lines that are written before the reader opens it.
    const keeper = openSync(path.join(folder, 'b.log'), 'r+')
    const read = runProgram('cat', ['b.log'], folder)
    const running = spinner.run(['run'], { folder })
    await running.until(/up/, 2)
    running.kill('SIGTERM')
    await running.ended
    closeSync(keeper)
    for (const log of [readFileSync(path.join(folder, 'a.log'), 'utf8'), (await read).output])
      expect(log.trim().split('\n')).toHaveLength(8_001)
  })

  test('reports a named pipe without a reader, and does not wait for one', async () => {
    const { folder } = newSite(`children:\n${talker('web', 'hello').replace(' }', ', stdout: pipe }')}`)
    spawnSync('mkfifo', [path.join(folder, 'pipe')])
    const running = spinner.run(['run'], { folder })
    await running.until(/cannot write to .*pipe: ENXIO/)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('appends output to files and prints it, and reopens the files at SIGHUP', async () => {
    const { folder } = newSite(
      `children:\n  web: { command: sh, args: [-c, 'while :; do echo line; sleep 0.05; done'], listen: null, stdout: web.log }\n`,
    )
    const running = spinner.run(['run'], { folder })
    const log = path.join(folder, 'web.log')
    await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('line\nline\n'))
    renameSync(log, `${log}.1`)
    running.kill('SIGHUP')
    await running.until(/no changes/)
    await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('line\n'))
    expect(running.output()).toContain('web     | line')
    running.kill('SIGTERM')
    await running.ended
  })
})
