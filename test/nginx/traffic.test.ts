import { describe, expect, test } from 'vitest'
import { nginx } from '../../src/nginx/index.ts'
import { newSpinner, next } from '../support/host.ts'
import { type Counts, newLoad } from '../support/load.ts'
import { has } from '../support/needs.ts'
import { errorsOf, hello, newSite, optionsFor } from './site.ts'

/**
 * Returns the failures among the answers of nginx. Connections that nginx itself resets at a reload are counted separately
 * (docs/hazards.md#e15).
 */
const failures = ({ failed, cut, other, codes }: Counts): unknown => ({
  failed,
  cut,
  other,
  codes: [...codes],
})
const NO_FAILURES = { failed: 0, cut: 0, other: 0, codes: [] }

describe.runIf(has('nginx'))('E15: under a load of 40 connections', () => {
  for (const keepAlive of [false, true]) {
    test(`${keepAlive ? 'with' : 'without'} keep-alive, restarts of a TCP child that has a sibling cause no 5xx response`, async () => {
      const site = await newSite()
      const spinner = newSpinner({ plugins: [nginx(optionsFor(site))] })
      const errors = errorsOf(spinner)
      await Promise.all(['a', 'b'].map((name) => spinner.start(hello(name, { listen: 'port' }))))
      const load = newLoad(site.target, { keepAlive })
      await load.more(100)
      for (const name of ['a', 'b', 'a']) await spinner.restart(name)
      await load.more(100)
      const counts = await load.stop()
      expect(failures(counts)).toEqual(NO_FAILURES)
      expect(counts.ok).toBeGreaterThan(200)
      expect(errors).toEqual([])
    })
  }

  test('a crash of a socket child causes no 5xx response, because nginx asks its sibling', async () => {
    const site = await newSite()
    const spinner = newSpinner({ plugins: [nginx(optionsFor(site))] })
    await Promise.all(['a', 'b'].map((name) => spinner.start(hello(name))))
    const load = newLoad(site.target)
    await load.more(100)
    const child = spinner.child('a')
    const restarted = next(child as NonNullable<typeof child>, 'restarted')
    process.kill(child?.pid as number, 'SIGKILL')
    await restarted
    await load.more(100)
    expect(failures(await load.stop())).toEqual(NO_FAILURES)
  })
})
