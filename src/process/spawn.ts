import type { ChildProcess, StdioOptions } from 'node:child_process'
import { Writable } from 'node:stream'
import type { SpinnerError } from '../errors.ts'
import type { Census } from '../linux/census.ts'
import type { Cgroup, Cgroups } from '../linux/cgroup.ts'
import { COOKIE } from '../linux/cookie.ts'
import type { Sys } from '../sys.ts'
import type { Address } from '../types/child.ts'
import type { ChildSettings } from '../types/options.ts'
import { environmentFor } from './environment.ts'
import { EscapedProcesses } from './escaped.ts'
import { ManagedProcess, type ProcessEvents } from './managed-process.ts'
import { canLaunch, clearsEnvironment, viaCgroupShell, viaWatchdogShell } from './shell-launcher.ts'
import { scriptError, spawnError } from './spawn-error.ts'

/** What a process is given besides its settings. */
export interface SpawnInput {
  readonly address: Address | null
  /** By which it, and whatever it starts, is found again. */
  readonly cookie: string
  readonly census: Census
  readonly cgroups: Cgroups | null
  /** What the watchdog reads. */
  readonly watch: Writable | null
}

/**
 * Spawns a child's program in a session of its own. What fails, in either of Node's two ways
 * (docs/hazards.md#h11), is one clear error; what succeeds is there in this very turn, so that nothing can
 * come between the process and its owner.
 */
export function spawnProcess(
  sys: Sys,
  settings: ChildSettings,
  { address, census, cgroups, cookie: mark, watch }: SpawnInput,
  events: ProcessEvents,
): ManagedProcess | Promise<SpinnerError> {
  const unusable = scriptError(sys, settings)
  if (unusable) return Promise.resolve(unusable)
  let cgroup: Cgroup | null = null
  try {
    const env = environmentFor(settings, sys.env, address, { [COOKIE]: mark })
    const launches = cgroups !== null || (watch !== null && clearsEnvironment(settings))
    const canBe = launches && canLaunch(sys, settings, env)
    if (canBe) cgroup = cgroups?.make() ?? null
    const process = spawn(sys, settings, env, cgroup ?? (canBe ? watch : null))
    if (process.pid !== undefined)
      return new ManagedProcess(
        sys,
        process,
        settings,
        new EscapedProcesses(sys, census, mark, cgroup),
        events,
      )
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
  into: Cgroup | Writable | null,
): ChildProcess {
  const stdio: Exclude<StdioOptions, string> = [settings.stdin, 'pipe', 'pipe']
  if (settings.ipc) stdio.push('ipc')
  const { command, args } = lineInto(into, stdio.length, settings)
  if (into instanceof Writable) stdio.push(into)
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

function lineInto(
  into: Cgroup | Writable | null,
  pipe: number,
  settings: ChildSettings,
): Pick<ChildSettings, 'command' | 'args'> {
  if (into === null) return settings
  return into instanceof Writable ? viaWatchdogShell(pipe, settings) : viaCgroupShell(into.folder, settings)
}
