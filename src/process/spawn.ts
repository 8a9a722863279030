import type { ChildProcess, StdioOptions } from 'node:child_process'
import type { SpinnerError } from '../errors.ts'
import type { Address } from '../events.ts'
import type { ChildSettings } from '../options.ts'
import type { Sys } from '../sys.ts'
import type { Census } from './census.ts'
import type { Cgroup, Cgroups } from './cgroup.ts'
import { environmentFor } from './environment.ts'
import { canLaunch, intoCgroup } from './launcher.ts'
import { ManagedProcess, type ProcessEvents } from './managed-process.ts'
import { COOKIE } from './mark.ts'
import { scriptError, spawnError } from './spawn-error.ts'
import { Strays } from './strays.ts'

/** What a process is given besides its settings. */
export interface Given {
  readonly address: Address | null
  /** By which it, and whatever it starts, is found again. */
  readonly mark: string
  readonly census: Census
  readonly cgroups: Cgroups | null
}

/**
 * Spawns a child's program in a session of its own. What fails, in either of Node's two ways (HAZARDS H11), is one
 * clear error; what succeeds is there in this very turn, so that nothing can come between the process and its owner.
 */
export function spawnProcess(
  sys: Sys,
  settings: ChildSettings,
  { address, census, cgroups, mark }: Given,
  events: ProcessEvents,
): ManagedProcess | Promise<SpinnerError> {
  const unusable = scriptError(sys, settings)
  if (unusable) return Promise.resolve(unusable)
  let cgroup: Cgroup | null = null
  try {
    const env = environmentFor(settings, sys.env, address, { [COOKIE]: mark })
    if (cgroups && canLaunch(sys, settings, env)) cgroup = cgroups.make()
    const process = spawn(sys, settings, env, cgroup)
    if (process.pid !== undefined)
      return new ManagedProcess(sys, process, settings, new Strays(sys, census, mark, cgroup), events)
    cgroup?.remove()
    return new Promise((resolve) =>
      process.once('error', (thrown) => resolve(spawnError(sys, settings, thrown))),
    )
  } catch (thrown) {
    cgroup?.remove()
    return Promise.resolve(spawnError(sys, settings, thrown))
  }
}

function spawn(
  sys: Sys,
  settings: ChildSettings,
  env: NodeJS.ProcessEnv,
  cgroup: Cgroup | null,
): ChildProcess {
  const { command, args } = cgroup ? intoCgroup(cgroup.folder, settings) : settings
  const stdio: StdioOptions = [settings.stdin, 'pipe', 'pipe', ...(settings.ipc ? (['ipc'] as const) : [])]
  return sys.spawn(command, args, {
    stdio,
    cwd: settings.cwd ?? undefined,
    env,
    detached: sys.platform !== 'win32',
    windowsHide: true,
    uid: settings.uid,
    gid: settings.gid,
  })
}
