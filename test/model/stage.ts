import { createSpinnerOn } from '../../src/spinner.ts'
import type { Child, Lease } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import type { Setting, Signal } from './commands.ts'
import { CHECK_INTERVAL_S, CHECK_RETRIES, type ModelOptions, USUAL } from './options.ts'
import { Reference } from './reference.ts'
import type { ReferenceChild } from './reference-child.ts'
import { ok, type Wait } from './reference-waits.ts'
import { ABORTED, addressText, eventText, outcomeOf } from './words.ts'
import { World } from './world.ts'

/** The wait of one caller: its result and the predicted result. */
export interface ObservedWait {
  readonly what: string
  readonly expected: Wait
  actual: string | null
  readonly controller: AbortController | null
  lease: Lease | null
  readonly leased: ReferenceChild | null
}

export type Callback = (error: Error | null, value?: unknown) => void

const EVENTS = ['started', 'restarted', 'stopped', 'faulted', 'error', 'state', 'exit'] as const

/** The product and the model, side by side in the same simulated world. */
export class Stage {
  readonly world: World
  readonly reference: Reference
  readonly spinner: Spinner
  readonly waits: ObservedWait[] = []
  /** Events by name of the child: those that the child emitted, and those that the spinner emitted for it. */
  readonly childEvents = new Map<string, string[]>()
  readonly spinnerEvents = new Map<string, string[]>()
  /** The times at which files were changed. */
  readonly changes: { readonly name: string; readonly at: number }[] = []
  /** Path of the socket of each child that has had one. */
  readonly sockets = new Map<string, string>()
  throwing: 'no' | 'throw' | 'reject' = 'no'
  thrown = 0
  logged = 0
  readonly #setting: Setting
  readonly #listen: { allocate: (name: string) => Promise<number>; release: (address: unknown) => void }

  constructor(setting: Setting) {
    this.#setting = setting
    this.world = new World(setting.random)
    this.reference = new Reference(setting.concurrency, setting.random, this.world.spawns)
    const { world } = this
    this.#listen = {
      allocate: (name) => world.allocate(name),
      release: (address) => world.release(address as number),
    }
    const log = (line: string): void => {
      if (line.includes('a listener threw')) this.logged++
    }
    const logger = { info: log, warn: log, error: log, debug: log }
    const { concurrency } = setting
    this.spinner = createSpinnerOn(world.sys, {
      orphans: 'leave',
      logger,
      stdout: null,
      stderr: null,
      concurrency,
    })
    this.#listenTo(this.spinner, (child) => this.#traceOf(this.spinnerEvents, (child as Child).name))
    for (const [index] of setting.names.entries()) world.files.set(fileOf(index), 0)
  }

  nameOf(child: number): string {
    return this.#setting.names[child % this.#setting.names.length] as string
  }

  optionsOf(child: number): ModelOptions {
    return { ...USUAL, ...this.#setting.options[child % this.#setting.names.length] }
  }

  fileOf(child: number): string {
    return fileOf(child % this.#setting.names.length)
  }

  /** Returns the options of `start()` for these options of the model. */
  given(child: number, options: ModelOptions): StartOptions {
    const { checked, listens, monitored, startFirst, ...rest } = options
    const name = this.nameOf(child)
    const check = {
      name: 'well',
      interval: CHECK_INTERVAL_S,
      retries: CHECK_RETRIES,
      run: async () => {
        if (this.world.sick.has(name)) throw new Error('it is sick')
      },
    }
    return {
      ...rest,
      name,
      command: 'simulated',
      args: [name],
      restartOrder: startFirst ? 'start-first' : 'stop-first',
      listen: startFirst ? 'socket' : listens ? this.#listen : null,
      ready: (child) => this.world.ready(name, child.pid),
      monitor: monitored ? this.fileOf(child) : null,
      checks: checked ? [check] : [],
    }
  }

  /** Returns the child of the model. Adds listeners to the child of the product if that exists and has none. */
  known(child: number, options: ModelOptions = this.optionsOf(child)): ReferenceChild {
    const name = this.nameOf(child)
    const made = this.spinner.child(name)
    if (made && !this.childEvents.has(name)) {
      this.#traceOf(this.childEvents, name)
      this.#listenTo(made, () => this.#traceOf(this.childEvents, name))
    }
    return this.reference.child(name, options)
  }

  /** Records a wait of the product. The model fills in the result of the returned wait. */
  follow(
    what: string,
    signal: Signal,
    begin: (signal: AbortSignal | undefined) => PromiseLike<unknown>,
    leased: ReferenceChild | null = null,
  ): Wait {
    const controller = signal === 'none' ? null : new AbortController()
    if (signal === 'aborted') controller?.abort(ABORTED)
    const expected: Wait = {
      result: null,
      byCallback: false,
      onResult: (result) => {
        if (leased && !result.startsWith('ok')) this.reference.letGo(leased)
      },
    }
    const observed: ObservedWait = { what, expected, actual: null, controller, lease: null, leased }
    this.waits.push(observed)
    try {
      begin(controller?.signal).then(
        (value) => {
          if (leased) observed.lease = value as Lease
          this.#end(observed, ok(addressText(leased ? (value as Lease).address : value)))
        },
        (thrown) => this.#end(observed, outcomeOf(thrown)),
      )
    } catch (thrown) {
      observed.actual = outcomeOf(thrown)
    }
    return expected
  }

  /** Does the same for a callback, which must be called once and in a later turn. */
  followCallback(what: string, begin: (callback: Callback) => void): Wait {
    const expected: Wait = { result: null, byCallback: true }
    const observed: ObservedWait = {
      what,
      expected,
      actual: null,
      controller: null,
      lease: null,
      leased: null,
    }
    this.waits.push(observed)
    let isLater = false
    begin((error, value) => {
      if (!isLater) this.world.violations.push(`the callback of the ${what} was called in the same turn`)
      this.#end(observed, error ? outcomeOf(error) : ok(addressText(value)))
    })
    isLater = true
    return expected
  }

  #end(observed: ObservedWait, actual: string): void {
    if (observed.actual !== null) this.world.violations.push(`the ${observed.what} settled twice`)
    observed.actual = actual
  }

  #traceOf(childEvents: Map<string, string[]>, name: string): string[] {
    const trace = childEvents.get(name) ?? []
    childEvents.set(name, trace)
    return trace
  }

  /** Adds two listeners per event: one that may throw, and one that records. */
  #listenTo(emitter: Spinner | Child, traceOf: (child: unknown) => string[]): void {
    const isSpinner = emitter === this.spinner
    const on = emitter.on.bind(emitter) as (event: string, listener: (...args: unknown[]) => unknown) => void
    for (const event of EVENTS) {
      on(event, () => {
        if (this.throwing === 'no') return undefined
        this.thrown++
        if (this.throwing === 'reject') return Promise.reject(new Error('rejected'))
        throw new Error('thrown')
      })
      on(event, (...args) => {
        traceOf(args[0]).push(eventText(event, isSpinner ? args.slice(1) : args))
      })
    }
  }
}

const fileOf = (index: number): string => `/watched/${index}`
