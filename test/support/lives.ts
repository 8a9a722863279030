import { EventEmitter } from 'node:events'
import { rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { afterEach } from 'vitest'
import { createGatewayOn, type Gateway } from '../../src/gateway/index.ts'
import type { GatewayOptions } from '../../src/gateway/options.ts'
import { realSys, type Sys } from '../../src/sys.ts'
import type { SpinnerOptions, StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { FakeClock, sysWith } from './clock.ts'
import { newFolder, newSpinner, until } from './host.ts'

/** Waits for `count` turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await realSys.nextTurn()
}

/** Does what `until` does, but polls in each turn, because simulated processes take turns and not time. */
export async function soon(look: () => unknown, what = 'it'): Promise<void> {
  const deadline = performance.now() + 45_000
  while (!look()) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen`)
    await realSys.nextTurn()
  }
}

/** A simulated process: a server in the test process that closes, with its connections, when the process ends. */
export class Life extends EventEmitter {
  readonly pid: number
  readonly number: number
  /** The address on which it listens. */
  readonly address: string
  isAlive = true
  readonly server: net.Server
  readonly stdin = null
  readonly stdout: null = null
  readonly stderr: null = null
  readonly connected = false
  readonly #sockets = new Set<net.Socket>()

  constructor(number: number, address: string, { handler = answerWithLife, newServer }: Play) {
    super()
    this.number = number
    this.address = address
    // Above the largest pid of any system, so that no search of real processes finds one.
    this.pid = 5_000_000 + number
    this.server = newServer?.() ?? http.createServer((request, response) => handler(request, response, this))
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
    })
  }

  /** Ends the process in this turn, as SIGKILL does. */
  end(signal: NodeJS.Signals | null = 'SIGKILL', code: number | null = null): void {
    if (!this.isAlive) return
    this.isAlive = false
    for (const socket of this.#sockets) socket.destroy()
    this.server.close()
    this.emit('exit', code, signal)
    this.emit('close', code, signal)
  }
}

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse, life: Life) => void

/** The behaviour of the simulated processes. */
export interface Play {
  readonly handler?: Handler
  /** Creates another server than one for HTTP. */
  readonly newServer?: () => net.Server
  /** Number of turns from the spawn until the process listens. */
  readonly bootTurns?: () => number
  /** Number of turns from the stop signal to the exit. */
  readonly stopTurns?: () => number
  /** The process listens when this resolves, and fails when this rejects. */
  readonly opens?: (life: Life) => Promise<unknown>
}

/** A spinner with simulated processes, a gateway in front of it, and a fake clock. */
export interface Stage {
  readonly spinner: Spinner
  readonly gateway: Gateway
  readonly clock: FakeClock
  readonly sys: Sys
  /** All simulated processes, in the order of their spawns. */
  readonly lives: Life[]
  readonly port: number
  /** Returns the options of a child with this name. */
  child(name: string, more?: Partial<StartOptions>): StartOptions
}

/** Creates a stage. By default its gateway has one route, to a child called `app`. */
export async function newStage(
  play: Play = {},
  options: Partial<GatewayOptions> = {},
  ofSpinner: SpinnerOptions = {},
): Promise<Stage> {
  const clock = new FakeClock()
  const lives: Life[] = []
  const { bootTurns = () => 0, stopTurns = () => 0, opens } = play
  const find = (pid: number): Life | undefined =>
    lives.find((life) => life.pid === Math.abs(pid) && life.isAlive)
  const sys = sysWith({
    clock,
    platform: 'darwin',
    pause: () => realSys.nextTurn(),
    spawn: (_command, _args, { env }) => {
      const life = new Life(lives.length + 1, env?.['PORT'] ?? '', play)
      lives.push(life)
      return life as never
    },
    kill: (target, signal) => {
      const life = find(target)
      if (!life) throw Object.assign(new Error('no such process'), { code: 'ESRCH' })
      if (signal === 'SIGKILL') life.end()
      if (signal === 'SIGTERM') void turns(stopTurns()).then(() => life.end(signal))
    },
  })
  const folder = newFolder()
  const listen = { allocate: (name: string) => path.join(folder, name), release: () => {} }
  const spinner = newSpinner({ listen, restartTolerance: 0, ...ofSpinner }, sys)
  const child = (name: string, more: Partial<StartOptions> = {}): StartOptions => ({
    name,
    command: 'sleep',
    ready: async ({ address }) => {
      const life = lives.findLast((each) => each.address === address) as Life
      await turns(bootTurns())
      await opens?.(life)
      if (!life.isAlive) throw new Error('it ended before it listened')
      rmSync(life.address, { force: true })
      await new Promise<void>((resolve) => life.server.listen(life.address, resolve))
    },
    ...more,
  })
  const gateway = createGatewayOn(sys, spinner, {
    routes: [{ host: 'app.localhost', to: child('app') }],
    logger: null,
    ...options,
  } as GatewayOptions)
  const { port } = await gateway.listen()
  const stage = { spinner, gateway, clock, sys, lives, port: port as number, child }
  stages.add(stage)
  return stage
}

const stages = new Set<Stage>()

// Advance the clock until everything has closed, because a close may wait for a timer. Turns let other events happen.
afterEach(async () => {
  for (const { clock, gateway, spinner } of stages) {
    let isOver = false
    const closed = Promise.all([gateway.close(), spinner.close()]).finally(() => {
      isOver = true
    })
    closed.catch(() => {})
    await turns(20)
    while (!isOver) {
      await clock.advance(4)
      await turns(20)
    }
    await closed
  }
  stages.clear()
})

/** Writes `bytes` bytes, each piece after the previous one was sent. Returns a function with the number of sent bytes. */
export function pour(socket: net.Socket, bytes: number): () => number {
  const piece = Buffer.alloc(64 * 1024)
  let left = 0
  const more = (): void => {
    left += piece.length
    if (left < bytes && !socket.destroyed) socket.write(piece, more)
  }
  socket.write(piece, more)
  return () => left
}

/** Waits until a number does not change for a while, and returns it. */
export async function settled(look: () => number): Promise<number> {
  let [last, times] = [-1, 0]
  await until(() => {
    times = look() === last ? times + 1 : 0
    last = look()
    return times > 20
  })
  return last
}

const answerWithLife: Handler = (_request, response, life) => void response.end(`life ${life.number}`)

/** A response with its whole body. */
export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  readonly trailers: NodeJS.Dict<string>
}

export interface Question extends http.RequestOptions {
  readonly port: number
  readonly body?: string | Buffer
}

/** Sends one request, on its own connection unless an agent is given. */
export function ask({ body, headers, ...options }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      agent: false,
      headers: { host: 'app.localhost', ...headers },
      ...options,
    })
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode as number,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
          trailers: response.trailers,
        }),
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** A connection on which a test writes raw bytes. */
export interface Raw {
  readonly socket: net.Socket
  /** Everything that was received so far. */
  text(): string
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>
}

export function connectRaw(port: number): Raw {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {})
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return { socket, closed, text: () => text }
}

/** Returns the head of an upgrade request, as a browser sends it. */
export const upgradeHead = (path = '/', host = 'app.localhost'): string =>
  [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n')

/** Makes a simulated process accept upgrades and echo what it receives. */
export function echoUpgrades(life: Life): void {
  life.server.on('upgrade', (_request, socket, head) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Life: ')
    socket.write(`${life.number}\r\n\r\n`)
    socket.write(head)
    socket.pipe(socket)
  })
}
