import type { IncomingMessage, ServerResponse } from 'node:http'
import { NOT_FOUND_PAGE, type RenderedPage } from '../../gateway/http/pages.ts'
import { sendPage, sendRendered } from '../../gateway/http/respond.ts'
import type { Place } from '../../gateway/index.ts'
import { hostOf } from '../../gateway/routing/host-names.ts'
import { type Clock, realSys } from '../../sys.ts'
import type { StartOptions } from '../../types/options.ts'
import type { Config, GatewayConfig, Plain } from '../config/model.ts'
import { NO_LOG_FILES } from '../output/log-files.ts'
import type { LogEvent } from '../output/printer.ts'
import { startOptions } from '../run/library-options.ts'
import type { CommandHost, Source } from '../run/source.ts'
import { type Apps, readApps } from './discover.ts'
import { indexPage, NO_APPS } from './index-page.ts'

/** Minimum time between two reads of the folder, because every request can cause one. */
const READ_INTERVAL_MS = 200
/** Hosts for which the list of apps is served. */
const INDEX_HOSTS = new Set<string | null>(['localhost', '127.0.0.1', '[::1]'])

/** Turns a folder of apps into configurations. Requests make it read the folder again. */
export class Folder implements Source {
  readonly reloaded = 'folder reloaded'
  readonly #folder: string
  readonly #gateway: GatewayConfig
  readonly #appOptions: Plain
  readonly #clock: Clock
  #host: CommandHost | null = null
  #apps: Apps = { served: new Map(), skipped: [] }
  #readAt = Number.NEGATIVE_INFINITY
  #printed: ReadonlySet<string> = new Set()

  /** `appOptions` are further options for every app. */
  constructor(folder: string, listen: Plain, appOptions: Plain, clock: Clock = realSys.clock) {
    this.#folder = folder
    this.#appOptions = appOptions
    this.#clock = clock
    this.#gateway = {
      listen,
      remedy: 'choose another with --port',
      options: {
        waitingPage: true,
        drainTimeout: '5s',
        // Longer than the longest start, so that a request whose app does not start gets the reason.
        wait: '40s',
        routes: [{ host: '*.localhost', to: (_request: IncomingMessage, name: string) => this.#find(name) }],
      },
      next: (request, response) => this.#respond(request, response),
    }
  }

  async load(): Promise<Config> {
    this.#read()
    const { served } = this.#apps
    return {
      file: this.#folder,
      environment: null,
      environments: [],
      own: {},
      children: served,
      pools: new Map(),
      nginx: [],
      gateway: this.#gateway,
      lazy: new Set(served.keys()),
      where: () => this.#folder,
    }
  }

  begin(host: CommandHost): void {
    this.#host = host
  }

  /** Prints where each app is served and what was skipped, unless it was printed the last time. */
  applied(address: Place | null): void {
    const events = this.#events(address?.port)
    for (const [name, event] of events)
      if (!this.#printed.has(event.text)) this.#host?.printer.event(name, event)
    this.#printed = new Set(events.map(([, { text }]) => text))
  }

  #events(port: number | null | undefined): [name: string | null, LogEvent][] {
    const { served, skipped } = this.#apps
    const warning = (text: string): [null, LogEvent] => [null, { event: 'warning', text }]
    return [
      ...[...served.keys()].map((name): [string, LogEvent] => {
        const url = urlOf(name, port)
        return [name, { event: 'served', text: `served at ${url}`, details: { url } }]
      }),
      ...skipped.map((line) => warning(`skipped ${line}`)),
      ...(served.size === 0 ? [warning(NO_APPS)] : []),
    ]
  }

  #read(): void {
    const { served, skipped } = readApps(this.#folder)
    const all = [...served].map(([name, options]) => [name, { ...options, ...this.#appOptions }] as const)
    this.#apps = { served: new Map(all), skipped }
    this.#readAt = this.#clock.now()
  }

  /** Reads the folder again if that is due. If the folder cannot be read, keeps the apps. */
  #readIfDue(): void {
    if (this.#clock.now() - this.#readAt < READ_INTERVAL_MS) return
    const before = textOf(this.#apps)
    try {
      this.#read()
    } catch {
      return
    }
    if (textOf(this.#apps) !== before) this.#host?.reload()
  }

  async #find(name: string): Promise<StartOptions | null> {
    this.#readIfDue()
    const options = this.#apps.served.get(name)
    if (!options) return null
    const logger = this.#host?.loggerOf(name) ?? null
    return { ...(await startOptions(options, NO_LOG_FILES, true)), logger, name }
  }

  /** Answers a request for no app: with the list of apps if it is for this machine itself, otherwise with 404. */
  #respond(request: IncomingMessage, response: ServerResponse): void {
    const { headers, method = '', url } = request
    const isForIndex =
      url === '/' && ['GET', 'HEAD'].includes(method) && INDEX_HOSTS.has(hostOf(headers.host))
    if (isForIndex) sendRendered({ request, response }, 200, this.#indexPage(request.socket.localPort))
    else sendPage(this.#clock, { request, response }, NOT_FOUND_PAGE)
  }

  #indexPage(port: number | undefined): RenderedPage {
    this.#readIfDue()
    const listed = [...this.#apps.served.keys()].map((name) => ({
      name,
      url: urlOf(name, port),
      state: this.#host?.spinner.child(name)?.state,
    }))
    return indexPage(listed, this.#apps.skipped)
  }
}

const urlOf = (name: string, port: number | null | undefined): string => `http://${name}.localhost:${port}`
const textOf = ({ served, skipped }: Apps): string => JSON.stringify([skipped, [...served]])
