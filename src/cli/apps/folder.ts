import type { IncomingMessage, ServerResponse } from 'node:http'
import { NOT_FOUND_PAGE, type RenderedPage } from '../../gateway/http/pages.ts'
import { sendPage, sendRendered } from '../../gateway/http/respond.ts'
import type { Place } from '../../gateway/index.ts'
import { hostOf } from '../../gateway/routing/host-names.ts'
import { realSys } from '../../sys.ts'
import type { StartOptions } from '../../types/options.ts'
import type { Config, GatewayConfig, Plain } from '../config/model.ts'
import type { LogFiles } from '../output/log-files.ts'
import type { LogEvent } from '../output/printer.ts'
import { startOptions } from '../run/library-options.ts'
import type { CommandHost, Source } from '../run/source.ts'
import { type Apps, readApps } from './discover.ts'
import { indexPage, NOTHING } from './index-page.ts'

/** Between two looks at a folder whose apps are asked for. */
const LOOK_MS = 200
const LISTED_AT = new Set<string | null>(['localhost', '127.0.0.1', '[::1]'])
const NO_OUTLETS: LogFiles = { open: () => null, reopen: () => {} }

/** A folder of apps as a configuration: as it is when it is looked at, and requests make it be looked at. */
export class Folder implements Source {
  readonly again = 'looked at the folder again'
  readonly #folder: string
  readonly #gateway: GatewayConfig
  readonly #more: Plain
  #host: CommandHost | null = null
  #apps: Apps = { served: new Map(), left: [] }
  #lookedAt = Number.NEGATIVE_INFINITY
  #told: ReadonlySet<string> = new Set()

  /** `more` are options for every app. */
  constructor(folder: string, listen: Plain, more: Plain) {
    this.#folder = folder
    this.#more = more
    this.#gateway = {
      listen,
      remedy: 'choose another with --port',
      options: {
        waitingPage: true,
        drainTimeout: '5s',
        // Longer than a start may take: who waited for one that fails is told why.
        wait: '40s',
        routes: [{ host: '*.localhost', to: (_request: IncomingMessage, name: string) => this.#find(name) }],
      },
      next: (request, response) => this.#answer(request, response),
    }
  }

  async load(): Promise<Config> {
    this.#look()
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

  /** Tells what was not told of yet: where each app is, and what is left out. */
  applied(place: Place | null): void {
    const lines = this.#lines(place?.port)
    for (const [name, happening] of lines)
      if (!this.#told.has(happening.text)) this.#host?.printer.tell(name, happening)
    this.#told = new Set(lines.map(([, { text }]) => text))
  }

  #lines(port: number | null | undefined): [name: string | null, LogEvent][] {
    const { left, served } = this.#apps
    const warning = (text: string): [null, LogEvent] => [null, { event: 'warning', text }]
    return [
      ...[...served.keys()].map((name): [string, LogEvent] => {
        const url = urlOf(name, port)
        return [name, { event: 'served', text: `at ${url}`, details: { url } }]
      }),
      ...left.map((line) => warning(`left out: ${line}`)),
      ...(served.size === 0 ? [warning(NOTHING)] : []),
    ]
  }

  #look(): void {
    const { left, served } = readApps(this.#folder)
    const all = [...served].map(([name, options]) => [name, { ...options, ...this.#more }] as const)
    this.#apps = { left, served: new Map(all) }
    this.#lookedAt = performance.now()
  }

  /** A folder that cannot be read for a moment leaves all as it was. */
  #lookIfDue(): void {
    if (performance.now() - this.#lookedAt < LOOK_MS) return
    const before = shown(this.#apps)
    try {
      this.#look()
    } catch {
      return
    }
    if (shown(this.#apps) !== before) this.#host?.reload()
  }

  async #find(name: string): Promise<StartOptions | null> {
    this.#lookIfDue()
    const options = this.#apps.served.get(name)
    return options ? { ...(await startOptions(options, NO_OUTLETS, true)), name } : null
  }

  /** What is for no app: the list of them, for those who ask this machine by a name of its own. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { headers, method = '', url } = request
    const isWanted = url === '/' && ['GET', 'HEAD'].includes(method) && LISTED_AT.has(hostOf(headers.host))
    if (isWanted) sendRendered({ request, response }, 200, this.#page(request.socket.localPort))
    else sendPage(realSys.clock, { request, response }, NOT_FOUND_PAGE)
  }

  #page(port: number | undefined): RenderedPage {
    this.#lookIfDue()
    const listed = [...this.#apps.served.keys()].map((name) => ({
      name,
      url: urlOf(name, port),
      state: this.#host?.spinner.child(name)?.state,
    }))
    return indexPage(listed, this.#apps.left)
  }
}

const urlOf = (name: string, port: number | null | undefined): string => `http://${name}.localhost:${port}`
const shown = ({ left, served }: Apps): string => JSON.stringify([left, [...served]])
