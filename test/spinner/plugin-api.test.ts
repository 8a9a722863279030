import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { WatchOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { sleeper } from '../support/children.ts'
import { newFile, newFolder, newSpinner, until } from '../support/host.ts'

// Members of a spinner that are public so that plugins, pools and gateways need nothing internal.

describe('define', () => {
  test('adds a child without starting it, and returns the handle that `start` returns', async () => {
    const spinner = newSpinner()
    const child = spinner.define(sleeper('web'))
    expect(child.state).toBe('stopped')
    expect(child.info().options).toMatchObject({ command: 'sleep', args: ['600'] })
    expect(spinner.child('web')).toBe(child)
    expect(Object.keys(spinner.list())).toEqual(['web'])
    expect(spinner.start('web')).toBe(child)
    await child
    expect(child.state).toBe('started')
  })

  test('gives a known child options that take effect at its next spawn', async () => {
    const spinner = newSpinner()
    const child = spinner.start({ ...sleeper('web'), args: ['601'] })
    await child
    const { pid } = child
    expect(spinner.define({ ...sleeper('web'), args: ['602'] })).toBe(child)
    expect([child.pid, child.info().options.args]).toEqual([pid, ['601']])
    await child.restart()
    expect(child.info().options.args).toEqual(['602'])
  })

  test('returns a known child unchanged if only its name is given', () => {
    const spinner = newSpinner()
    const child = spinner.define({ ...sleeper('web'), timeout: 7 })
    expect(spinner.define({ name: 'web' })).toBe(child)
    expect(child.info().options.timeout).toBe(7)
  })

  test('uses the defaults of the spinner', () => {
    const spinner = newSpinner({ timeout: '5s' })
    expect(spinner.define(sleeper('web')).info().options.timeout).toBe(5)
  })

  test('throws if an option is invalid, and adds nothing', () => {
    const spinner = newSpinner()
    const invalid = expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' })
    expect(() => spinner.define({ ...sleeper('web'), attempts: 0 })).toThrow(invalid)
    expect(() => spinner.define({ command: 'sleep' })).toThrow('`name`')
    expect(() => spinner.define({ name: 'web' })).toThrow(
      expect.objectContaining({ code: 'ERR_SPINNER_NOT_FOUND' }),
    )
    expect(spinner.list()).toEqual({})
  })

  test('throws once the spinner closes', async () => {
    const spinner = newSpinner()
    const closed = spinner.close()
    expect(() => spinner.define(sleeper('web'))).toThrow(
      expect.objectContaining({ code: 'ERR_SPINNER_CLOSED' }),
    )
    await closed
  })
})

interface Watching {
  readonly changed: string[]
  readonly errors: Error[]
  readonly close: () => void
}

/** Watches until the end of the test. */
function watch(spinner: Spinner, options: WatchOptions): Watching {
  const changed: string[] = []
  const errors: Error[] = []
  const close = spinner.watch(
    { debounce: 0, ...options },
    (file) => void changed.push(file),
    (error) => void errors.push(error),
  )
  onTestFinished(close)
  return { changed, errors, close }
}

describe('watch', () => {
  test('calls back with the path of a file that has changed', async () => {
    const file = newFile('routes.json', 'one')
    const { changed, errors } = watch(newSpinner(), { paths: file })
    writeFileSync(file, 'two')
    await until(() => changed.length > 0)
    expect(changed).toEqual([file])
    expect(errors).toEqual([])
  })

  test('resolves relative paths against `cwd`, and ignores what `monitor` would ignore', async () => {
    const folder = newFolder()
    for (const name of ['lib', 'lib/node_modules', 'lib/skip']) mkdirSync(path.join(folder, name))
    const { changed } = watch(newSpinner(), { cwd: folder, paths: ['lib'], ignore: 'skip' })
    let version = 0
    // A file that is written while the watch begins can count as older than the watch.
    await until(() => {
      version++
      for (const file of ['node_modules/a.js', 'skip/b.js', 'c.log', 'd.js'])
        writeFileSync(path.join(folder, 'lib', file), `version ${version}`)
      return changed.length > 0
    })
    expect(new Set(changed)).toEqual(new Set([path.join(folder, 'lib/d.js')]))
  })

  test('ends when the returned function is called, without a word', async () => {
    const [file, other] = [newFile('a.txt', 'one'), newFile('b.txt', 'one')]
    const spinner = newSpinner()
    const [first, second] = [watch(spinner, { paths: file }), watch(spinner, { paths: [file, other] })]
    first.close()
    first.close()
    writeFileSync(file, 'two')
    await until(() => second.changed.length > 0)
    expect(first).toMatchObject({ changed: [], errors: [] })
  })

  test('writes a line to the logger if a callback throws, and goes on', async () => {
    const lines: string[] = []
    const note = (line: string): void => void lines.push(line)
    const spinner = newSpinner({ logger: { info: note, warn: note, error: note, debug: note } })
    const file = newFile('a.txt', 'one')
    const close = spinner.watch({ paths: file, debounce: 0 }, () => {
      throw new Error('a mistake in a plugin')
    })
    onTestFinished(close)
    writeFileSync(file, 'two')
    await until(() => lines.length > 0)
    expect(lines[0]).toContain('a mistake in a plugin')
    expect(lines[0]).toContain('watch()')
  })

  test('restarts no child by itself', async () => {
    const file = newFile('a.txt', 'one')
    const spinner = newSpinner()
    const child = spinner.start(sleeper('web'))
    await child
    const { changed } = watch(spinner, { paths: file })
    writeFileSync(file, 'two')
    await until(() => changed.length > 0)
    expect(child.info()).toMatchObject({ state: 'started', restarts: 0 })
  })

  test('throws if an option is invalid', () => {
    const spinner = newSpinner()
    const call = (options: unknown) => () => spinner.watch(options as WatchOptions, () => {})
    const invalid = expect.objectContaining({ code: 'ERR_SPINNER_INVALID_OPTION' })
    for (const options of [{}, { paths: [] }, { paths: 5 }, { paths: 'a', cwd: 5 }, undefined, null])
      expect(call(options)).toThrow(invalid)
    expect(call({ paths: 'a', debounce: -1 })).toThrow('watch(): ')
  })

  test('ends with the spinner, and cannot begin after that', async () => {
    const file = newFile('a.txt', 'one')
    const spinner = newSpinner()
    const { changed } = watch(spinner, { paths: file })
    await spinner.close()
    expect(() => watch(spinner, { paths: file })).toThrow(
      expect.objectContaining({ code: 'ERR_SPINNER_CLOSED' }),
    )
    const other = watch(newSpinner(), { paths: file })
    writeFileSync(file, 'two')
    await until(() => other.changed.length > 0)
    expect(changed).toEqual([])
  })
})

describe('defaults', () => {
  test('are the options that `createSpinner` was given for children', () => {
    const { defaults } = newSpinner({ timeout: '5s', attempts: 2, concurrency: 3 })
    expect(defaults).toMatchObject({ timeout: 5, attempts: 2 })
    expect(defaults).not.toHaveProperty('concurrency')
    expect(defaults).not.toHaveProperty('stopTimeout')
  })

  test('are frozen', () => {
    const { defaults } = newSpinner({ timeout: 5 })
    expect(Object.isFrozen(defaults)).toBe(true)
    expect(() => Object.assign(defaults, { timeout: 6 })).toThrow(TypeError)
  })
})

describe('isClosing', () => {
  test('is true from the first call of `close` on', async () => {
    const spinner = newSpinner()
    spinner.start(sleeper('web'))
    expect(spinner.isClosing).toBe(false)
    const closed = spinner.close()
    expect(spinner.isClosing).toBe(true)
    await closed
    expect(spinner.isClosing).toBe(true)
  })

  test('tells a plugin that a child is drained because everything ends', async () => {
    const seen: boolean[] = []
    const drain = (): void => void seen.push(spinner.isClosing)
    const spinner = newSpinner({ plugins: [{ name: 'observer', drain }] })
    const child = spinner.start(sleeper('web'))
    await child
    await child.restart()
    await spinner.close()
    expect(seen).toEqual([false, true])
  })
})
