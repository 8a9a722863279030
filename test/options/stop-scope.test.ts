import { chmodSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { defaultStopScope } from '../../src/options/stop-scope.ts'
import { membersOf } from '../../src/process/group.ts'
import { realSys } from '../../src/sys.ts'
import type { StartOptions } from '../../src/types/options.ts'
import { fixture, newFile, newFolder, newSpinner } from '../support/host.ts'

const program = fixture('says-graceful.js')
const quoted = `'${process.execPath}' '${program}'`

describe('the default', () => {
  test.each([
    ...['sh', '/bin/sh', 'bash', '/usr/bin/env/dash', 'zsh', 'fish', 'busybox'],
    ...[
      'npm',
      'npx',
      'pnpm',
      'yarn',
      'bun',
      '/opt/node/bin/npm',
      'npm.cmd',
      'NPM.CMD',
      'npx.ps1',
      'bash.exe',
    ],
  ])('H6 %s does not pass a signal on, so the group gets it', (command) => {
    expect(defaultStopScope(command)).toBe('group')
  })

  test.each([
    ...[
      'node',
      process.execPath,
      'python3',
      'ruby',
      './sh-like',
      './npmish',
      '/sh/app',
      'app.js',
      'nodemon',
      '',
    ],
  ])('H6 %s gets its signal alone', (command) => {
    expect(defaultStopScope(command)).toBe('leader')
  })
})

/** A program called `npm` that runs another as its child and does not pass a signal on. */
function wrapper(): string {
  const file = newFile('npm', '#!/bin/sh\n"$@"\nexit 0\n')
  chmodSync(file, 0o755)
  return file
}

/** A folder with a package whose `start` is the program. */
function packageFolder(): string {
  const folder = newFolder()
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ scripts: { start: quoted } }))
  return folder
}

const npmStart = (): StartOptions => {
  const folder = packageFolder()
  const env = { HOME: folder, npm_config_update_notifier: false, TEST_MARK: process.pid }
  return { command: 'npm', args: ['start'], cwd: folder, env }
}

const commands: [string, () => StartOptions][] = [
  ['a Node program', () => ({ script: program })],
  ['sh -c', () => ({ command: 'sh', args: ['-c', `${quoted}; true`] })],
  ['sh -c that becomes the program', () => ({ command: 'sh', args: ['-c', `exec ${quoted}`] })],
  ['a shell in a shell', () => ({ command: 'sh', args: ['-c', `sh -c "${quoted}; true"; true`] })],
  ['a wrapper called npm', () => ({ command: wrapper(), args: [process.execPath, program] })],
  ['npm start', npmStart],
  [
    'a wrapper that passes the signal on',
    () => ({ script: fixture('forwards-sigterm.js'), args: [program] }),
  ],
]

/** Starts the program by way of a command, stops it, and answers how often it ended gracefully. */
async function gracefulEnds(options: StartOptions): Promise<number> {
  const spinner = newSpinner({ listen: null, ready: { output: /^ready$/ }, stopTimeout: 20 })
  let count = 0
  spinner.on('output', (_child, _stream, line) => {
    if (line === 'graceful') count++
  })
  const child = spinner.start({ ...options, name: 'a' })
  await child
  const { pid } = child
  await child.stop()
  expect(pid).toBeGreaterThan(1)
  expect(membersOf(realSys, pid as number)).toEqual([])
  return count
}

describe('the stop signal', () => {
  test.each(commands)(
    'H6 by way of %s ends the program gracefully once, and nothing survives',
    async (_way, options) => {
      expect(await gracefulEnds(options())).toBe(1)
    },
  )

  test('H6 to the leader alone still reaches those who are left when it has gone', async () => {
    const command = { command: 'sh', args: ['-c', `${quoted}; true`], stopScope: 'leader' } as const
    expect(await gracefulEnds(command)).toBe(1)
  })

  test('H6 what a program writes while it ends is heard, long after its wrapper has gone', async () => {
    const slow = `'${process.execPath}' '${fixture('ends-slowly.js')}'`
    const spinner = newSpinner({ listen: null, ready: { output: /^ready$/ } })
    const child = spinner.start({ name: 'a', command: 'sh', args: ['-c', `${slow}; true`] })
    await child
    await child.stop()
    expect(child.info().output).toEqual(['ready', 'the last word'])
  })
})
