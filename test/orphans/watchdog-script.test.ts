import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { WATCHDOG_SCRIPT } from '../../src/orphans/watchdog-script.ts'
import { viaCgroupShell, viaWatchdogShell } from '../../src/process/shell-launcher.ts'
import { has } from '../support/needs.ts'

const program = { command: 'program', args: [] }
const SCRIPTS: Readonly<Record<string, string | undefined>> = {
  'the watchdog': WATCHDOG_SCRIPT,
  'the launcher that moves itself to a cgroup': viaCgroupShell('/a', program).args[1],
  'the launcher that informs the watchdog': viaWatchdogShell(3, program).args[1],
}

/** Programs that read a script from stdin and find mistakes in it without running it. */
const LINTERS = ['dash -n', 'bash -n', 'busybox sh -n', 'shellcheck --shell=sh --norc -']

describe.each(LINTERS)('%s', (linter) => {
  const [command = '', ...args] = linter.split(' ')
  const lint = (input: string) => spawnSync(command, args, { input, encoding: 'utf8' })
  const isThere = has(command)

  test.runIf(isThere).each(Object.entries(SCRIPTS))(
    'finds no mistake in the script of %s',
    (_name, script) => {
      expect(script).toBeTruthy()
      expect(lint(script as string)).toMatchObject({ status: 0, stdout: '', stderr: '' })
    },
  )

  test.runIf(isThere)('finds the mistake in a script that has one', () => {
    expect(lint('if true; then echo "$0"').status).not.toBe(0)
  })
})
