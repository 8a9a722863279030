import http from 'node:http'
import { afterAll, expect, test } from 'vitest'
import { deferred } from '../../../src/promises.ts'
import type { Check } from '../../../src/types/plugin.ts'
import type { Rng } from '../../chaos/fault.ts'
import { rngFor } from '../../chaos/rng.ts'
import {
  type Answer,
  ask,
  connectRaw,
  echoUpgrades,
  newStage,
  type Play,
  type Stage,
  soon,
  turns,
  upgradeHead,
} from '../../support/lives.ts'

/** Number of random orders of each race. */
const TIMES = 500
const IDLE = 80
/** Seconds after which idleness has been noticed: at most an eighth late, plus one poll. */
const SURELY = 95
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 })
afterAll(() => agent.destroy())

interface Race extends Stage {
  /** Random choices of the current run. */
  rng: Rng
  get(path?: string): Promise<Answer>
  state(): string | undefined
}

/** Creates a stage whose processes take a random number of turns to start and to stop. */
async function newRace(
  play: Play = {},
  more: Parameters<typeof newStage>[1] = {},
  checks: readonly Check[] = [],
): Promise<Race> {
  const some = (): number => race.rng.int(0, 6)
  // Wait long: the clock jumps, and would otherwise end requests that got too few turns.
  const stage = await newStage(
    { bootTurns: some, stopTurns: some, ...play },
    { wait: 3_600, ...more },
    {
      idleTimeSec: IDLE,
      checks,
    },
  )
  const race: Race = {
    ...stage,
    rng: rngFor(SEED, 'none', 0),
    get: (path = '/') => ask({ port: stage.port, agent, path }),
    state: () => stage.spinner.get('app')?.state,
  }
  return race
}

/** Runs a race many times. A failure names the seed that repeats it. */
async function often(name: string, race: Race, run: (rng: Rng) => Promise<void>): Promise<void> {
  for (let at = 0; at < TIMES; at++) {
    race.rng = rngFor(SEED, name, at)
    await run(race.rng).catch((thrown) => {
      throw new Error(`run ${at} with SEED=${SEED}: ${thrown.message}`, { cause: thrown })
    })
  }
  await soon(() => race.spinner.get('app')?.leases === 0, 'the end of all leases')
}

test('H53: a request at any moment of an idle stop is answered by a running process', async () => {
  const race = await newRace()
  const met = new Set<string>()
  await often('idle stop', race, async (rng) => {
    await race.get()
    await race.clock.advance(IDLE - 5)
    const idle = race.clock.advance(SURELY - IDLE + 5)
    await turns(rng.int(0, 14))
    met.add(String(race.state()))
    const { status, body } = await race.get()
    expect(`${status} ${body}`).toMatch(/^200 life \d+$/)
    await idle
  })
  // Each state was met, so the requests were spread over the whole stop.
  expect([...met].sort()).toEqual(expect.arrayContaining(['started', 'stopped', 'stopping']))
})

test('H15: any number of requests at any moments of a cold start share one spawn', async () => {
  const race = await newRace()
  await often('cold start', race, async (rng) => {
    const before = race.lives.length
    const requests = Array.from({ length: rng.int(2, 6) }, async () => {
      await turns(rng.int(0, 8))
      const how = rng.int(0, 5)
      if (how === 0)
        await race.spinner
          .child('app')
          ?.acquire()
          .then((lease) => lease.release())
      if (how === 1) race.spinner.child('app')?.touch()
      return race.get()
    })
    const bodies = (await Promise.all(requests)).map(({ body }) => body)
    expect(new Set(bodies)).toEqual(new Set([`life ${before + 1}`]))
    expect(race.lives).toHaveLength(before + 1)
    await race.spinner.stop('app')
  })
})

test('H53: a long response and a silent WebSocket outlast any idle time', async () => {
  let mayEnd = deferred<void>()
  const race = await newRace({
    opens: async (life) => echoUpgrades(life),
    handler: async (_request, response, life) => {
      response.write('life ')
      await mayEnd.promise
      response.end(String(life.number))
    },
  })
  await often('long', race, async (rng) => {
    mayEnd = deferred()
    const isStarted = race.state() === 'started'
    const number = race.lives.length + (isStarted ? 0 : 1)
    const { closed, socket, text } = connectRaw(race.port)
    const hasSocket = rng.int(0, 1) === 0
    if (hasSocket) {
      socket.write(upgradeHead())
      await soon(() => text().includes('X-Life'))
    }
    const answer = race.get()
    await turns(rng.int(0, 6))
    await soon(() => race.spinner.get('app')?.leases === (hasSocket ? 2 : 1) && race.state() === 'started')
    await race.clock.advance(rng.int(0, 200))
    mayEnd.resolve()
    expect((await answer).body).toBe(`life ${number}`)
    if (hasSocket) {
      await race.clock.advance(rng.int(0, 200))
      socket.write('x')
      await soon(() => text().endsWith('x'))
      expect(text()).toContain(`X-Life: ${number}\r\n`)
    }
    socket.destroy()
    await closed
    await soon(() => race.spinner.get('app')?.leases === 0)
    if (rng.int(0, 3) > 0) return
    await race.clock.advance(SURELY)
    await soon(() => race.state() === 'stopped')
  })
})

test('H53: an ignored request at any moment neither keeps a child awake nor wakes it', async () => {
  const race = await newRace({}, { ignore: ['/poll'] })
  await often('poll', race, async (rng) => {
    await race.get()
    const before = race.lives.length
    let left = SURELY
    while (left > 0) {
      const step = Math.min(left, rng.int(1, 30))
      left -= step
      const polls = Array.from({ length: rng.int(1, 2) }, async () => {
        await turns(rng.int(0, 6))
        return race.get('/poll')
      })
      await race.clock.advance(step)
      for (const { status } of await Promise.all(polls)) expect([200, 204]).toContain(status)
    }
    await soon(() => race.state() === 'stopped')
    expect((await race.get('/poll')).status).toBe(204)
    expect(race.lives).toHaveLength(before)
  })
})

test('H53: checks at any moment neither wake a child, nor fail while it is stopping', async () => {
  const check: Check = {
    name: 'answers',
    interval: 7,
    retries: 1,
    run: async ({ target }, signal) => {
      await turns(race.rng.int(0, 4))
      const options = { ...target, agent: false, signal, path: '/check' }
      await new Promise<void>((resolve, reject) => {
        http.get(options, (response) => response.resume().once('end', resolve)).once('error', reject)
      })
    },
  }
  const race: Race = await newRace({}, {}, [check])
  await often('checks', race, async (rng) => {
    await race.get()
    const before = race.lives.length
    for (let left = SURELY; left > 0; left -= 20) {
      await race.clock.advance(Math.min(left, 20))
      await turns(rng.int(0, 6))
    }
    await soon(() => race.state() === 'stopped')
    expect(race.lives).toHaveLength(before)
    expect(race.spinner.get('app')).toMatchObject({ crashes: 0, restarts: 0, lastError: null })
    if (rng.int(0, 1) === 0) await race.clock.advance(100)
    expect(race.state()).toBe('stopped')
  })
})
