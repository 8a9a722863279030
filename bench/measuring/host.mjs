// Runs a method in a separate process, so that its memory and its crashes do not affect other methods.
import { fork } from 'node:child_process'
import path from 'node:path'
import { kept } from './living.mjs'

const bench = path.join(import.meta.dirname, '..')

/** Starts `bench/FILE ARGUMENTS` and resolves when the process responds. `ask(duty, ...)` runs a duty there. */
export async function newHost(file, args = [], execArgv = []) {
  const stdio = ['ignore', 'ignore', 'pipe', 'ipc']
  const host = kept(fork(path.join(bench, file), args.map(String), { execArgv, stdio }))
  let complaint = ''
  host.stderr.on('data', (text) => {
    complaint = lastLine(`${complaint}${text}`)
  })
  const answer = () =>
    new Promise((resolve, reject) => {
      const settle = (action) => {
        host.off('close', ended).off('message', said)
        action()
      }
      const ended = (code) => settle(() => reject(new Error(`its process ended with ${code}: ${complaint}`)))
      // Ignore other messages: nodemon also sends its own messages here.
      const said = ({ result, error }) => {
        if (error !== undefined) settle(() => reject(new Error(error)))
        else if (result !== undefined) settle(() => resolve(result))
      }
      host.on('close', ended).on('message', said)
    })
  const began = await answer()
  return {
    began,
    pid: host.pid,
    ask(duty, ...given) {
      if (!host.connected) return Promise.reject(new Error(`its process has ended: ${complaint}`))
      host.send({ duty, given })
      return answer()
    },
    end() {
      if (host.connected) host.disconnect()
    },
  }
}

/** Finds the line of an uncaught error in Node's output: it begins with the name of the error. */
const lastLine = (text) => /^\w*Error.*$/m.exec(text)?.[0] ?? text.slice(-200)

/** Starts a host, returns its first message, and ends it. */
export async function once(file, args, execArgv) {
  const host = await newHost(file, args, execArgv)
  host.end()
  return host.began
}
