import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Whether the terminal that this command is used in can still be opened. */
function isThere(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/**
 * Tells a closed terminal from a wish: both come as SIGHUP. Answers, at any later time, whether there was a terminal
 * and it is gone. What runs under `nohup` has none, and stays.
 */
export function watchTerminal(): () => boolean {
  const isUsed = [0, 1, 2].some((stream) => isatty(stream)) && isThere()
  return () => isUsed && !isThere()
}

/**
 * Lets the end of this program be that of one whose terminal was closed. Node would set the terminal back at its exit,
 * and crash on one that is gone.
 */
export function endByHangUp(): void {
  process.on('exit', () => {
    process.removeAllListeners('SIGHUP')
    process.kill(process.pid, 'SIGHUP')
  })
}
