import { createHash } from 'node:crypto'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { createGateway } from '../../src/gateway/index.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { fixture, newFolder, newSpinner, until } from '../support/host.ts'
import { type Answer, ask } from '../support/lives.ts'
import { type Load, newLoad } from '../support/load.ts'
import { has } from '../support/needs.ts'
import { newNginx } from '../support/nginx.ts'

/** `npm run load` has more rounds. */
const [RESTARTS, STOPS] = process.env['LOAD_ROUNDS'] === undefined ? [8, 4] : [50, 50]

/** Returns the path of the socket on which a child of that name always listens. */
const socketOf = (folder: string, name: string): string =>
  path.join(folder, `${createHash('sha256').update(name).digest('hex').slice(0, 8)}.sock`)

/** The configuration of docs/behind-nginx.md: the app's own socket first, and the gateway if the app does not respond. */
const configuration = (folder: string, port: number): string => `
  upstream app {
    server unix:${socketOf(folder, 'app')} max_fails=0;
    server unix:${folder}/gateway.sock backup;
  }
  server {
    listen 127.0.0.1:${port};
    server_name app.localhost;
    location / {
      proxy_pass http://app;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_next_upstream error timeout;
    }
  }`

interface Site {
  readonly spinner: Spinner
  readonly load: (connections: number) => Load
  get(): Promise<Answer>
}

async function newSite(): Promise<Site> {
  const folder = newFolder()
  const nginx = await newNginx(({ port }) => configuration(folder, port))
  const spinner = newSpinner({ runtimeDir: folder })
  const script = fixture('answers-and-drains.js')
  const gateway = createGateway(spinner, {
    routes: [
      {
        host: 'app.localhost',
        to: { name: 'app', script, monitor: null, restartOrder: 'start-first' },
      },
    ],
    trustProxy: ['unix'],
    logger: null,
  })
  await gateway.listen({ path: path.join(folder, 'gateway.sock') })
  return {
    spinner,
    load: (connections) => newLoad(nginx.target, { connections, headers: { host: 'app.localhost' } }),
    get: () => ask({ ...nginx.target }),
  }
}

const noneFailed = { failed: 0, reset: 0, cut: 0, other: 0 }

describe.runIf(has('nginx'))('E15b: behind nginx, which asks the gateway if an app does not respond', () => {
  test('the first request wakes a sleeping app, and later requests reach it directly', async () => {
    const { get, spinner } = await newSite()
    const first = JSON.parse((await get()).body)
    const later = JSON.parse((await get()).body)
    expect(first).toMatchObject({ gateway: true, for: '127.0.0.1', proto: 'http', host: 'app.localhost' })
    expect(later).toMatchObject({ gateway: false, for: '127.0.0.1', host: 'app.localhost', pid: first.pid })
    expect(spinner.get('app')?.pid).toBe(first.pid)
  })

  test('forty requests at once start one process, and none fails', async () => {
    const { load, spinner } = await newSite()
    const cold = load(40)
    await cold.more(40)
    expect(await cold.stop()).toMatchObject(noneFailed)
    expect(spinner.get('app')).toMatchObject({ state: 'started', restarts: 0 })
  })

  test('no request fails in restarts and stops under load', async () => {
    const { load, spinner } = await newSite()
    const busy = load(10)
    await busy.more(20)
    for (let left = RESTARTS; left > 0; left--) {
      await spinner.restart('app')
      await busy.more(20)
    }
    for (let left = STOPS; left > 0; left--) {
      await spinner.stop('app')
      await until(() => spinner.get('app')?.state === 'started')
      await busy.more(20)
    }
    expect(await busy.stop()).toMatchObject(noneFailed)
  })
})
