// Finds the programs that this example needs, and names the packages to install if they are missing.
import { existsSync } from 'node:fs'
import path from 'node:path'

const NAMES = {
  nginx: ['nginx'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
}
// Debian installs daemons in a folder that is not on the PATH of every user.
const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']
const pathOf = (program) =>
  NAMES[program].flatMap((name) => folders.map((folder) => path.join(folder, name))).find(existsSync)

/** Returns a message that names the missing programs and how to install them; `null` if all are installed. */
export function whatIsMissing() {
  const missing = Object.keys(NAMES).filter((program) => !pathOf(program))
  if (missing.length === 0) return null
  const install = `apt-get install --no-install-recommends ${missing.join(' ')}`
  return `This example needs ${missing.join(' and ')}. On Debian, as root: ${install}`
}

/** Returns the path of a program; throws if it is not installed. */
export function find(program) {
  const found = pathOf(program)
  if (!found) throw new Error(whatIsMissing())
  return found
}
