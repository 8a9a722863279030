import type { Sys } from '../sys.ts'
import { CoalescedRead } from './coalesced-read.ts'
import { isListener, type ListeningSocket, parseTcp } from './processes.ts'

/** The kernel's tables of sockets. They grow with the machine, so children that start together share each reading. */
export class SocketTables {
  readonly #unix: CoalescedRead<string>
  readonly #tcp: CoalescedRead<ListeningSocket[]>

  constructor(sys: Sys, isBusy?: () => boolean) {
    this.#unix = new CoalescedRead(sys, () => sys.fs.readFileSync('/proc/net/unix', 'utf8'), isBusy)
    this.#tcp = new CoalescedRead(sys, () => readListeners(sys), isBusy)
  }

  /** The text of `/proc/net/unix`. */
  unix(): Promise<string> {
    return this.#unix.read()
  }

  /** All who listen on TCP. */
  tcp(): Promise<ListeningSocket[]> {
    return this.#tcp.read()
  }
}

async function readListeners(sys: Sys): Promise<ListeningSocket[]> {
  const six = readTable(sys, '/proc/net/tcp6').catch(() => '')
  return [...parseTcp(await readTable(sys, '/proc/net/tcp')), ...parseTcp(await six)]
}

/** The kernel gives a page at a time, and no part of a row. */
const PAGE = 4_096
const LONGEST_ROW = 256

/**
 * The listeners of a kernel table, read off the event loop. Each read walks the sockets of the machine, a millisecond
 * or two, so as few are made as can be: listeners come first, and a page with room for another row was the last.
 */
async function readTable(sys: Sys, file: string): Promise<string> {
  const { fs } = sys
  const descriptor = fs.openSync(file, 'r')
  const buffer = Buffer.allocUnsafe(PAGE)
  const readPage = (): Promise<number> =>
    new Promise((resolve, reject) => {
      fs.read(descriptor, buffer, 0, PAGE, null, (error, size) => {
        if (error) reject(error)
        else resolve(size)
      })
    })
  try {
    for (let text = ''; ; ) {
      const size = await readPage()
      text += buffer.toString('latin1', 0, size)
      if (size < PAGE - LONGEST_ROW || !isListener(text.slice(text.lastIndexOf('\n', text.length - 2) + 1)))
        return text
    }
  } finally {
    fs.closeSync(descriptor)
  }
}
