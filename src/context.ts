import { Owners } from './address/listener-owner.ts'
import { PortAllocator } from './address/ports.ts'
import { folderOf, SocketAllocator, stateNameOf } from './address/sockets.ts'
import { Heartbeat } from './checks/stall-detector.ts'
import { safeLog } from './emitter.ts'
import { Census } from './linux/census.ts'
import { Cgroups } from './linux/cgroup.ts'
import { Marks } from './linux/cookie.ts'
import { Orphans } from './orphans/orphans.ts'
import { Plugins } from './plugin-host.ts'
import { SocketWatch } from './ready/socket-watch.ts'
import { Budget } from './schedule/capacity.ts'
import { Rounds } from './schedule/shared-interval.ts'
import { Gate } from './schedule/start-gate.ts'
import type { Sys } from './sys.ts'
import type { Logger, SpinnerSettings } from './types/options.ts'

/** What all children of a spinner share. */
export interface Shared {
  readonly sys: Sys
  readonly gate: Gate
  readonly rounds: Rounds
  readonly heartbeat: Heartbeat
  readonly sockets: SocketAllocator
  readonly ports: PortAllocator
  readonly owners: Owners
  readonly socketWatch: SocketWatch
  readonly plugins: Plugins
  /** Null where any number of children may run. */
  readonly budget: Budget | null
  readonly marks: Marks
  readonly census: Census
  /** Null unless children shall have them. */
  readonly cgroups: Cgroups | null
  /** Null where children shall outlive the host. */
  readonly orphans: Orphans | null
}

/** What a spinner's children will share. Throws where its folder cannot be used, or its `id` is in use. */
export function newShared(sys: Sys, settings: SpinnerSettings, logger: () => Logger | null): Shared {
  const { cgroup, concurrency, id, maxMemory, maxRunning, runtimeDir } = settings
  const marks = new Marks(sys.env)
  const folder = runtimeDir ?? (id === null ? null : folderOf(sys, id))
  const keepTidy = (made: string): void => orphans?.keepTidy(made)
  const sockets = new SocketAllocator(sys, folder, settings.orphans === 'kill' ? keepTidy : null)
  if (folder !== null) sockets.folder()
  const warn = (message: string): void => safeLog(logger(), 'warn', message)
  const record = id === null ? null : { folder: sockets.folder(), name: stateNameOf(id), warn }
  const orphans = settings.orphans === 'kill' ? new Orphans(sys, marks, record) : null
  const gate = new Gate(sys, concurrency ?? Math.max(2, sys.cpus()))
  return {
    sys,
    marks,
    sockets,
    census: new Census(sys, marks.uuid),
    cgroups: cgroup ? new Cgroups(sys, marks.uuid) : null,
    gate,
    rounds: new Rounds(sys.clock),
    heartbeat: new Heartbeat(sys.clock),
    ports: new PortAllocator(sys),
    owners: new Owners(sys, () => gate.isBusy),
    socketWatch: new SocketWatch(sys),
    plugins: new Plugins(logger),
    budget: (maxRunning ?? maxMemory) === null ? null : new Budget(sys, { maxRunning, maxMemory, warn }),
    orphans,
  }
}
