import { realSys, type Sys } from '../../src/sys.ts'

/** A process of a {@link Machine}. */
export interface SimulatedProcess {
  readonly pid: number
  readonly start: number
  readonly pgrp: number
  readonly state: string
  readonly environ: string
}

const gone = (): Error => Object.assign(new Error('no such file'), { code: 'ENOENT' })

/** A simulated machine with a `/proc` and a list of the signals that were sent. All other files are real. */
export class Machine {
  readonly processes: Map<number, SimulatedProcess> = new Map()
  readonly signals: (readonly [number, NodeJS.Signals | 0])[] = []
  boot = '11111111-2222-3333-4444-555555555555'
  namespace = 'pid:[4026531836]'
  /** Called with each signal. A signal has no other effect. */
  onSignal: (target: number, signal: NodeJS.Signals | 0) => void = () => {}
  onPause: () => void = () => {}

  add(pid: number, rest: Partial<SimulatedProcess> = {}): SimulatedProcess {
    const process = { pid, start: pid * 10, pgrp: pid, state: 'S', environ: '', ...rest }
    this.processes.set(pid, process)
    return process
  }

  /** Returns the system as one of its processes sees it. Adds the process if it does not exist. */
  sysOf(pid: number, changes: Partial<Sys> = {}): Sys {
    if (!this.processes.has(pid)) this.add(pid)
    const { fs = realSys.fs } = changes
    const readdirSync = (folder: string) =>
      folder === '/proc' ? [...this.processes.keys(), 'self', 'net'].map(String) : fs.readdirSync(folder)
    const readlinkSync = (link: string) =>
      link === '/proc/self'
        ? String(pid)
        : link === '/proc/self/ns/pid'
          ? this.namespace
          : fs.readlinkSync(link)
    const readFileSync = (file: string, encoding: 'latin1') =>
      file.startsWith('/proc/') ? this.#read(file) : fs.readFileSync(file, encoding)
    return {
      ...realSys,
      platform: 'linux',
      pid,
      env: {},
      kill: (target, signal) => {
        this.signals.push([target, signal])
        this.onSignal(target, signal)
      },
      pause: async () => this.onPause(),
      ...changes,
      fs: { ...fs, readdirSync, readlinkSync, readFileSync } as unknown as Sys['fs'],
    }
  }

  #read(file: string): string {
    if (file === '/proc/sys/kernel/random/boot_id') return `${this.boot}\n`
    const [, pid, what] = /^\/proc\/(\d+)\/(stat|environ)$/.exec(file) ?? []
    const process = this.processes.get(Number(pid))
    if (!process) throw gone()
    if (what === 'environ') return process.environ
    const { state, pgrp, start } = process
    return `${pid} (a) S 1 (b) ${state} 1 ${pgrp} ${pgrp} 0 -1 4194304 98 0 0 0 0 0 0 0 20 0 1 0 ${start} 3133440 413\n`
  }
}
