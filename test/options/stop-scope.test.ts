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

describe('the default of `stopScope`', () => {
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
  ])('H6 for %s is the group, because it does not forward signals', (command) => {
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
  ])('H6 for %s is the leader', (command) => {
    expect(defaultStopScope(command)).toBe('leader')
  })
})

/** Returns a program called `npm` that runs another one as its child and does not forward signals. */
function wrapper(): string {
  const file = newFile('npm', '#!/bin/sh\n"$@"\nexit 0\n')
  chmodSync(file, 0o755)
  return file
}

/** Returns the directory of a package whose script `start` runs the program. */
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
  ['a wrapper that forwards the signal', () => ({ script: fixture('forwards-sigterm.js'), args: [program] })],
]

/** Starts the program through a command and stops it. Returns how often it exited gracefully. */
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
    'H6 through %s ends the program gracefully once, and no process survives',
    async (_way, options) => {
      expect(await gracefulEnds(options())).toBe(1)
    },
  )

  test('H6 to the leader alone also reaches the processes that remain when the leader is gone', async () => {
    const command = { command: 'sh', args: ['-c', `${quoted}; true`], stopScope: 'leader' } as const
    expect(await gracefulEnds(command)).toBe(1)
  })

  test('H6 output that a program writes while it ends is read, even after its wrapper is gone', async () => {
    const slow = `'${process.execPath}' '${fixture('ends-slowly.js')}'`
    const spinner = newSpinner({ listen: null, ready: { output: /^ready$/ } })
    const child = spinner.start({ name: 'a', command: 'sh', args: ['-c', `${slow}; true`] })
    await child
    await child.stop()
    expect(child.info().output).toEqual(['ready', 'the last word'])
  })
})
