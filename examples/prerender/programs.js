// Where the programs are that this example needs, and what to install when they are not there.
import { existsSync } from 'node:fs'
import path from 'node:path'

const NAMES = {
  nginx: ['nginx'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
}
// Debian has daemons in a folder that is not on every user's PATH.
const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']
const pathOf = (program) =>
  NAMES[program].flatMap((name) => folders.map((folder) => path.join(folder, name))).find(existsSync)

/** What to tell a user who lacks some of them; `null` for one who has all. */
export function whatIsMissing() {
  const missing = Object.keys(NAMES).filter((program) => !pathOf(program))
  if (missing.length === 0) return null
  const install = `apt-get install --no-install-recommends ${missing.join(' ')}`
  return `This example needs ${missing.join(' and ')}. On Debian, as root: ${install}`
}

/** The path of a program. */
export function find(program) {
  const found = pathOf(program)
  if (!found) throw new Error(whatIsMissing())
  return found
}
