// Generates load on a port: as many requests as possible, or one after another.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { get } from './http.mjs'
import { kept } from './living.mjs'
import { summary } from './statistics.mjs'

export const CONNECTIONS = 50
export const SECONDS = 2
export const SEQUENCE = 1_000

const WRK = '/usr/bin/wrk'
/** Name of the load generator: wrk if it is installed, otherwise a Node program, which needs more CPU time. */
export const LOAD = existsSync(WRK) ? 'wrk' : 'A Node program (wrk is not installed)'

function commandFor(port) {
  if (existsSync(WRK)) {
    const args = [
      '-t1',
      `-c${CONNECTIONS}`,
      `-d${SECONDS}`,
      `http://127.0.0.1:${port}/`,
      '-H',
      'Host: localhost',
    ]
    return [WRK, args]
  }
  const program = path.join(import.meta.dirname, '../hosts/load.mjs')
  return [process.execPath, [program, port, CONNECTIONS, SECONDS].map(String)]
}

/** Measures requests per second on keep-alive connections. */
export function throughput(port) {
  return new Promise((resolve, reject) => {
    const load = kept(spawn(...commandFor(port), { stdio: ['ignore', 'pipe', 'inherit'] }))
    let said = ''
    load.stdout.on('data', (text) => {
      said += text
    })
    load.on('error', reject).on('close', () => {
      const rate = Number(/Requests\/sec:\s*([\d.]+)/.exec(said)?.[1])
      if (/Non-2xx|Socket errors/.test(said) || !(rate > 0)) reject(new Error(`the load failed: ${said}`))
      else resolve(rate)
    })
  })
}

/** Measures consecutive requests on one keep-alive connection, in microseconds. */
export async function latency(port) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const times = []
  for (let left = SEQUENCE; left > 0; left--) {
    const began = performance.now()
    await get(port, agent)
    times.push((performance.now() - began) * 1_000)
  }
  agent.destroy()
  times.sort((a, b) => a - b)
  return { p50: summary(times).median, p99: times[Math.floor(SEQUENCE * 0.99)] }
}
