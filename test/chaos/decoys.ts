import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { kill, pause } from './processes.ts'

/** Last process id that the kernel has assigned. The next process gets the following one. Only root can write it. */
const LAST_PID = '/proc/sys/kernel/ns_last_pid'
/** The first process of a container may take seconds to reap an orphan. Until then the process id stays taken. */
const LONGEST_MS = 2_000

const decoys = new Set<ChildProcess>()

/** Starts a process that must survive. With `foreign` it looks like a child of another spinner. Returns 1, the count. */
export function newDecoy({ foreign = false } = {}): number {
  const env = foreign ? { ...process.env, SPINNER_COOKIE: `${randomUUID()}.1` } : process.env
  decoys.add(spawn('sleep', ['600'], { detached: true, env, stdio: 'ignore' }))
  return 1
}

/** Kills a process group and starts a decoy with the same process id. Returns false if that is not possible. */
export async function reusePidOf(group: number): Promise<boolean> {
  kill(-group)
  const deadline = performance.now() + LONGEST_MS
  while (performance.now() < deadline) {
    await pause(5)
    if (isTaken(group)) continue
    if (!setLastPid(group - 1)) return false
    const decoy = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
    if (decoy.pid === group) {
      decoys.add(decoy)
      return true
    }
    decoy.kill('SIGKILL')
  }
  return false
}

/** Returns whether a process or a process group has this id. */
function isTaken(number: number): boolean {
  return [number, -number].some((target) => {
    try {
      process.kill(target, 0)
      return true
    } catch {
      return false
    }
  })
}

function setLastPid(pid: number): boolean {
  try {
    writeFileSync(LAST_PID, String(pid))
    return true
  } catch {
    return false
  }
}

/** Kills the decoys. Rejects if one has exited before, because then spinner has ended it. */
export async function endDecoys(): Promise<void> {
  const all = [...decoys]
  decoys.clear()
  const hit = all.filter(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null)
  for (const decoy of all) decoy.kill('SIGKILL')
  if (hit.length > 0) throw new Error(`${hit.length} of ${all.length} unrelated processes were ended`)
}
