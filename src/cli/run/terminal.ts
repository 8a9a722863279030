import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Returns whether the controlling terminal can still be opened. */
function canOpenTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/**
 * Returns a function that tells whether the terminal of the command is gone. A closed terminal and a user who wants a
 * reload both send SIGHUP. Under `nohup` there is no terminal to lose, so the command keeps running.
 */
export function watchTerminal(): () => boolean {
  const hadTerminal = [0, 1, 2].some((stream) => isatty(stream)) && canOpenTerminal()
  return () => hadTerminal && !canOpenTerminal()
}

/**
 * Makes this program end by SIGHUP, as after a closed terminal. Node would restore the settings of the terminal when it
 * exits, and crash because the terminal is gone.
 */
export function exitByHangUp(): void {
  process.on('exit', () => {
    process.removeAllListeners('SIGHUP')
    process.kill(process.pid, 'SIGHUP')
  })
}
