// Describes the machine and the versions of the measured programs.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const bench = path.join(import.meta.dirname, '..')
const DAEMONS = '/usr/sbin'

function firstLineOf(command, args) {
  const env = { ...process.env, PATH: `${process.env.PATH}${path.delimiter}${DAEMONS}` }
  try {
    return execFileSync('sh', ['-c', `${command} ${args} 2>&1`], { encoding: 'utf8', env }).split('\n', 1)[0]
  } catch {
    return 'none'
  }
}

function versionOf(peer) {
  const file = path.join(bench, 'node_modules', peer, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : 'missing'
}

export function machine() {
  const [cpu] = os.cpus()
  const memory = Math.round(os.totalmem() / 2 ** 30)
  const { dependencies } = JSON.parse(readFileSync(path.join(bench, 'package.json'), 'utf8'))
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    machine: `${os.availableParallelism()} cores (${cpu?.model ?? 'unknown'}), ${memory} GB, ${os.type()} ${os.release().split('-', 1)[0]}`,
    compiler: firstLineOf('cc', '--version'),
    nginx: firstLineOf('nginx', '-v').replace(/^.*: /, ''),
    peers: Object.keys(dependencies).map((name) => `${name} ${versionOf(name)}`),
  }
}
