import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { lives } from '../../support/children.ts'
import { Command, newSite, pidOf, recorded, recordedPids } from '../../support/command.ts'
import { until } from '../../support/host.ts'
import { nothingLives } from '../../support/hosts.ts'
import { install } from '../../support/installed.ts'
import { has } from '../../support/needs.ts'

const spinner = new Command(install())
const CTRL_C = '\x03'
const CTRL_S = '\x13'
const ESC = '\x1b'

/** Removes colours and carriage returns. */
const plainText = (output: string): string =>
  output.replaceAll(new RegExp(`${ESC}\\[[\\d;]*m`, 'g'), '').replaceAll('\r', '')

const greenChild = (name: string): string =>
  `  ${name}: { command: sh, args: [-c, 'trap "echo asked; exit 0" TERM; printf "\\033[32mgreen\\033[0m \\033]0;title\\007up\\n"; while :; do sleep 60 & wait; done'], listen: null }\n`
const deaf = `children:\n  deaf: { command: sh, args: [-c, 'trap "echo deaf" TERM INT; echo up; while :; do sleep 60 & wait; done'], listen: null, stopTimeout: 1h }\n`

describe.runIf(has('python3'))('in a terminal', () => {
  test('H10: Ctrl-C once stops each child once, and the command exits with 130 and no process left', async () => {
    const { folder } = newSite(`children:\n${greenChild('a')}${greenChild('b')}`)
    const running = spinner.inTerminal(['run'], { folder })
    await running.until(/up/, 2)
    await running.until(/started \(pid/, 2)
    const pids = ['a', 'b'].map((name) => pidOf(plainText(running.output()), name))
    running.type(CTRL_C)
    expect(await running.ended).toMatchObject({ code: 130 })
    expect(pids.map(lives)).toEqual([false, false])
    const lines = plainText(running.output()).split('\n')
    for (const name of ['a', 'b'])
      expect(lines.filter((line) => line === `${name}       | asked`)).toHaveLength(1)
    expect(plainText(running.output())).not.toContain('crash')
    expect(plainText(running.output())).not.toContain('restarting')
  })

  test('H10: Ctrl-C twice kills immediately', async () => {
    const { folder } = newSite(deaf)
    const running = spinner.inTerminal(['run'], { folder })
    await running.until(/started \(pid/)
    await running.until(/up/)
    running.type(CTRL_C)
    await running.until(/deaf\r/)
    running.type(CTRL_C)
    expect(await running.ended).toMatchObject({ code: 130 })
    await nothingLives([pidOf(plainText(running.output()), 'deaf')])
  })

  test('H10: closing the terminal stops all children as a signal does', async () => {
    const script =
      'trap "touch asked; sleep 0.2; touch done; exit 0" TERM; echo up; while :; do sleep 60 & wait; done'
    const { folder } = newSite(`children:\n  a: { command: sh, args: [-c, '${script}'], listen: null }\n`)
    const running = spinner.inTerminal(['run'], { folder })
    await running.until(/started \(pid/)
    await running.until(/up/)
    running.type()
    // Send SIGHUP as a shell also does. It must not count as a second signal.
    await until(() => existsSync(path.join(folder, 'asked')))
    if (lives(running.pid())) running.kill('SIGHUP')
    expect(await running.ended).toMatchObject({ code: 129 })
    expect(existsSync(path.join(folder, 'done'))).toBe(true)
    expect(lives(pidOf(plainText(running.output()), 'a'))).toBe(false)
  })

  test('Ctrl-S stops only the output', async () => {
    const { folder } = newSite(`children:\n${recorded('web', 'seq 5000')}`)
    const running = spinner.inTerminal(['run'], { folder })
    await running.until(/started \(pid/)
    const [first] = await recordedPids(folder, 1)
    running.type(CTRL_S)
    process.kill(first as number, 'SIGKILL')
    const [, second] = await recordedPids(folder, 2)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
    expect(lives(second as number)).toBe(false)
  })

  test('SIGHUP reloads the configuration as long as the terminal exists', async () => {
    const { folder } = newSite(`children:\n${greenChild('a')}`)
    const running = spinner.inTerminal(['run'], { folder })
    await running.until(/started \(pid/)
    running.kill('SIGHUP')
    await running.until(/no changes/)
    running.kill('SIGUSR2')
    await running.until(/all children were restarted/)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('H60: prints colours of names and lines, and no other control sequences', async () => {
    const { folder } = newSite(`children:\n${greenChild('a')}`)
    const running = spinner.inTerminal(['run'], { folder })
    await running.until(/up/)
    running.type(CTRL_C)
    const { output } = await running.ended
    expect(output).toContain(`|${ESC}[0m ${ESC}[32mgreen${ESC}[0m up`)
    expect(output).not.toContain('title')
    expect(output.replaceAll(new RegExp(`${ESC}\\[[\\d;]*m`, 'g'), '')).not.toContain(ESC)
  })

  test.each([
    ['NO_COLOR', ['run'], { NO_COLOR: '1' }],
    ['--no-color', ['run', '--no-color'], {}],
    ['--json', ['run', '--json'], {}],
  ])('%s removes all colours, including those of children', async (_title, args, env) => {
    const { folder } = newSite(`children:\n${greenChild('a')}`)
    const running = spinner.inTerminal(args, { folder, env })
    await running.until(/green up/)
    running.type(CTRL_C)
    const { output } = await running.ended
    // The terminal itself echoes ^C.
    expect(output).not.toContain(ESC)
  })

  test('the other commands work too', async () => {
    const { folder } = newSite(`children:\n${greenChild('a')}`)
    const ended = async (...args: string[]) => {
      const { code, output } = await spinner.inTerminal(args, { folder }).ended
      return { code, output: plainText(output) }
    }
    expect(await ended('check')).toMatchObject({
      code: 0,
      output: expect.stringContaining('  a:\n    command: sh\n'),
    })
    expect(await ended('init')).toMatchObject({
      code: 2,
      output: expect.stringContaining('spinner.yml already exists'),
    })
    expect(await ended('init', '-o', 'new.yml')).toMatchObject({
      code: 0,
      output: expect.stringContaining('created new.yml'),
    })
    expect(await ended('import', 'phantom-manager', 'spinner.yml', '-o', '-')).toMatchObject({ code: 2 })
    expect(await ended('--version')).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^\d+\.\d+\.\d+/),
    })
    expect(await ended('--help')).toMatchObject({
      code: 0,
      output: expect.stringContaining('Usage: spinner'),
    })
  })
})
