import { ListenerOwners } from './address/listener-owner.ts'
import { PortAllocator } from './address/ports.ts'
import { folderOf, stateNameOf } from './address/socket-folder.ts'
import { SocketAllocator } from './address/sockets.ts'
import { StallDetector } from './checks/stall-detector.ts'
import { safeLog } from './emitter.ts'
import { Census } from './linux/census.ts'
import { Cgroups } from './linux/cgroup.ts'
import { Cookies } from './linux/cookie.ts'
import { FileWatches } from './monitor/file-watches.ts'
import { Orphans } from './orphans/orphans.ts'
import { PluginHost } from './plugin-host.ts'
import { SocketWatch } from './ready/socket-watch.ts'
import { Capacity } from './schedule/capacity.ts'
import { SharedInterval } from './schedule/shared-interval.ts'
import { StartGate } from './schedule/start-gate.ts'
import type { Sys } from './sys.ts'
import type { Logger, SpinnerSettings } from './types/options.ts'

/** Everything that the children of one spinner share. */
export interface SpinnerContext {
  readonly sys: Sys
  readonly startGate: StartGate
  readonly intervals: SharedInterval
  readonly stallDetector: StallDetector
  readonly sockets: SocketAllocator
  readonly ports: PortAllocator
  readonly listenerOwners: ListenerOwners
  readonly socketWatch: SocketWatch
  readonly plugins: PluginHost
  readonly watches: FileWatches
  /** Null if any number of children may run. */
  readonly capacity: Capacity | null
  readonly cookies: Cookies
  readonly census: Census
  /** Null unless each child gets a cgroup. */
  readonly cgroups: Cgroups | null
  /** Null if children outlive the host. */
  readonly orphans: Orphans | null
}

/** Makes the context of a spinner. Throws if its directory cannot be used, or if its `id` is in use. */
export function createContext(
  sys: Sys,
  settings: SpinnerSettings,
  logger: () => Logger | null,
): SpinnerContext {
  const { cgroup, concurrency, id, maxMemory, maxRunning, runtimeDir } = settings
  const cookies = new Cookies(sys.env)
  const folder = runtimeDir ?? (id === null ? null : folderOf(sys, id))
  const keepTidy = (made: string): void => orphans?.keepTidy(made)
  const sockets = new SocketAllocator(sys, folder, settings.orphans === 'kill' ? keepTidy : null)
  if (folder !== null) sockets.folder()
  const warn = (message: string): void => safeLog(logger(), 'warn', message)
  const stateLocation = id === null ? null : { folder: sockets.folder(), name: stateNameOf(id), warn }
  const orphans = settings.orphans === 'kill' ? new Orphans(sys, cookies, stateLocation) : null
  const intervals = new SharedInterval(sys.clock)
  const startGate = new StartGate(sys, concurrency ?? Math.max(2, sys.cpus()))
  return {
    sys,
    cookies,
    sockets,
    census: new Census(sys, cookies.uuid),
    cgroups: cgroup ? new Cgroups(sys, cookies.uuid) : null,
    startGate,
    intervals,
    watches: new FileWatches(sys, intervals, logger),
    stallDetector: new StallDetector(sys.clock),
    ports: new PortAllocator(sys),
    listenerOwners: new ListenerOwners(sys, () => startGate.isBusy),
    socketWatch: new SocketWatch(sys),
    plugins: new PluginHost(logger),
    capacity: (maxRunning ?? maxMemory) === null ? null : new Capacity(sys, { maxRunning, maxMemory, warn }),
    orphans,
  }
}

/** Frees what the children shared, once they have stopped. */
export async function closeContext({
  cgroups,
  orphans,
  plugins,
  sockets,
  sys,
}: SpinnerContext): Promise<void> {
  cgroups?.close()
  await orphans?.close()
  await plugins.close(sys.clock)
  await sockets.close()
}
