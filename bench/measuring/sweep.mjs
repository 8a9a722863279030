// Ends the processes that an interrupted run leaves behind: daemons and their children. All of them inherit a mark.
import { readdirSync, readFileSync } from 'node:fs'

const MARK = 'SPINNER_BENCH'

/** Returns the variable that all processes of this run inherit. */
export const marked = () => ({ [MARK]: String(process.pid) })

/** Kills every process with the mark of this process. Without `/proc`, finds nothing. */
export function sweep() {
  const mark = `${MARK}=${process.pid}`
  // Look twice: processes killed in the first pass may have started others.
  for (let look = 0; look < 2; look++) {
    for (const pid of processes()) if (environmentOf(pid).includes(mark)) kill(pid)
  }
}

function processes() {
  try {
    return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
  } catch {
    return []
  }
}

function environmentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    return []
  }
}

function kill(pid) {
  try {
    process.kill(Number(pid), 'SIGKILL')
  } catch {
    // The process has already exited.
  }
}
