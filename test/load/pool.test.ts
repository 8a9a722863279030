import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { memory, responseTime } from '../../src/checks/index.ts'
import { nginx } from '../../src/nginx/index.ts'
import { createPool, type Pool, type PoolOptions } from '../../src/pool/index.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { newSite, optionsFor } from '../nginx/site.ts'
import { failureOf } from '../support/children.ts'
import { fixture, get, newFile, newSpinner, next } from '../support/host.ts'
import { type Counts, type LoadOptions, newLoad } from '../support/load.ts'
import { has } from '../support/needs.ts'
import type { Nginx } from '../support/nginx.ts'

/** Few rounds, because a rolling restart on ports waits for nginx's old workers each time. `npm run load` has more. */
const TCP_ROUNDS = Number(process.env['LOAD_ROUNDS'] ?? 2)
const ROUNDS = 20
/** Few rounds, because keep-alive makes little difference on sockets. `npm run load` has more. */
const KEPT_ROUNDS = Number(process.env['LOAD_ROUNDS'] ?? 6)

interface Stage {
  readonly site: Nginx
  readonly spinner: Spinner
  readonly pool: Pool
  readonly source: string
}

/** Starts a pool of two children behind a real nginx. */
async function behindNginx(changes: Partial<PoolOptions> = {}): Promise<Stage> {
  const site = await newSite()
  const spinner = newSpinner({ plugins: [nginx(optionsFor(site))] })
  const source = newFile('source.txt', 'one')
  const pool = createPool(spinner, {
    name: 'app',
    size: 2,
    args: [fixture('says-source-gracefully.js')],
    env: { SOURCE: source },
    restartOrder: 'start-first',
    attempts: 1,
    ...changes,
  })
  await pool.start()
  return { site, spinner, pool, source }
}

/** Returns all counts except those of complete responses with a status below 500. */
const failures = ({ failed, reset, cut, other, codes }: Counts): unknown => ({
  failed,
  reset,
  cut,
  other,
  codes: [...codes],
})
const NONE = { failed: 0, reset: 0, cut: 0, other: 0, codes: [] }

/** Runs an action under a load of 40 connections, and returns the counts. */
async function during(
  { site }: Stage,
  action: () => Promise<unknown>,
  options: LoadOptions = {},
): Promise<Counts> {
  const load = newLoad(site.target, options)
  await load.more(100)
  await action()
  await load.more(100)
  return load.stop()
}

const restarted = (pool: Pool): Promise<unknown> =>
  Promise.race(pool.children.map((child) => next(child, 'restarted')))

describe.runIf(has('nginx'))('E15b: a pool behind nginx, under a load of 40 connections', () => {
  for (const keepAlive of [false, true]) {
    const how = keepAlive ? 'with' : 'without'
    const rounds = keepAlive ? KEPT_ROUNDS : ROUNDS

    test(`fails no request in ${rounds} rolling restarts on sockets, and reloads nothing, ${how} keep-alive`, async () => {
      const stage = await behindNginx()
      const reloads = stage.site.reloads()
      const counts = await during(
        stage,
        async () => {
          for (let round = 0; round < rounds; round++) await stage.pool.restart()
        },
        { keepAlive },
      )
      expect(failures(counts)).toEqual(NONE)
      expect(stage.site.reloads()).toBe(reloads)
      expect(stage.pool.children.map((child) => child.info().restarts)).toEqual([rounds, rounds])
    })

    test(`responds with no 5xx in ${TCP_ROUNDS} rolling restarts on ports, ${how} keep-alive`, {
      timeout: 300_000,
    }, async () => {
      const stage = await behindNginx({ restartOrder: 'stop-first', listen: 'port' })
      const counts = await during(
        stage,
        async () => {
          for (let round = 0; round < TCP_ROUNDS; round++) await stage.pool.restart()
        },
        { keepAlive },
      )
      // nginx itself resets connections at a reload, so resets are not failures here (docs/hazards.md#e15).
      expect(failures({ ...counts, reset: 0 })).toEqual(NONE)
    })
  }

  test(`H42: fails no request in ${ROUNDS} deploys of a broken version, because the old one keeps serving`, async () => {
    const stage = await behindNginx()
    const before = stage.pool.children.map((child) => child.pid)
    writeFileSync(stage.source, 'broken')
    const counts = await during(stage, async () => {
      for (let round = 0; round < ROUNDS; round++)
        expect(await failureOf(stage.pool.restart())).toMatchObject({ code: 'ERR_SPINNER_EXITED' })
    })
    expect(failures(counts)).toEqual(NONE)
    expect(stage.pool.children.map((child) => child.pid)).toEqual(before)
    expect(JSON.parse(await get(stage.site.target)).source).toBe('one')
  })

  test('fails no repeatable request when a child crashes', async () => {
    const stage = await behindNginx()
    const counts = await during(stage, async () => {
      const back = restarted(stage.pool)
      process.kill(stage.pool.children[0]?.pid as number, 'SIGKILL')
      await back
    })
    expect(failures(counts)).toEqual(NONE)
  })

  test('fails no request when a child is replaced because it uses too much memory', async () => {
    const stage = await behindNginx({ checks: [memory({ limit: '180MB', retries: 2, interval: 0.05 })] })
    const counts = await during(stage, async () => {
      const back = restarted(stage.pool)
      await get(stage.pool.children[0]?.target ?? null, '/grow')
      await back
    })
    expect(failures(counts)).toEqual(NONE)
    expect(stage.pool.children[0]?.info().reason).toContain('memory')
  })

  test('fails no request when a child hangs, because it is replaced and unanswered requests are repeated', async () => {
    const checks = [responseTime({ threshold: 0.5, retries: 2, interval: 0.05 })]
    const stage = await behindNginx({ checks, stopTimeout: 0.2 })
    const counts = await during(stage, async () => {
      const back = restarted(stage.pool)
      get(stage.pool.children[0]?.target ?? null, '/hang').catch(() => {})
      await back
    })
    expect(failures(counts)).toEqual(NONE)
    expect(stage.pool.children[0]?.info().reason).toContain('responseTime')
  })
})
