// What a run leaves when it is cut short: daemons of their own, and children of these. All of it inherits a mark.
import { readdirSync, readFileSync } from 'node:fs'

const MARK = 'SPINNER_BENCH'

/** The variable that each process below inherits. */
export const marked = () => ({ [MARK]: String(process.pid) })

/** Kills every process that carries the mark of this one. Where there is no `/proc` nothing is found. */
export function sweep() {
  const mark = `${MARK}=${process.pid}`
  // A second look finds what was started by what the first one killed.
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
    // It has ended by itself.
  }
}
