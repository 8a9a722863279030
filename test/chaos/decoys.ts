import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { kill, pause } from './processes.ts'

/** The kernel gives out the number after this one next. Only root may set it. */
const LAST_PID = '/proc/sys/kernel/ns_last_pid'
/** The first process of a container may take seconds to ask how an orphan ended; until then its number is taken. */
const LONGEST_MS = 2_000

const decoys = new Set<ChildProcess>()

/** A process that nobody may end. A foreign one is another spinner's child. */
export function newDecoy({ foreign = false } = {}): number {
  const env = foreign ? { ...process.env, SPINNER_COOKIE: `${randomUUID()}.1` } : process.env
  decoys.add(spawn('sleep', ['600'], { detached: true, env, stdio: 'ignore' }))
  return 1
}

/** Ends a whole group and starts a decoy that has its number. False where that cannot be had. */
export async function heirOf(group: number): Promise<boolean> {
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

/** A process, or a group, has the number. */
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

/** Ends them. Rejects when somebody else has done so. */
export async function endDecoys(): Promise<void> {
  const all = [...decoys]
  decoys.clear()
  const hit = all.filter(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null)
  for (const decoy of all) decoy.kill('SIGKILL')
  if (hit.length > 0) throw new Error(`${hit.length} of ${all.length} processes of others were ended`)
}
