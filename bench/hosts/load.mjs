// Load generator for machines without wrk: keep-alive connections that each send one request after another.
import http from 'node:http'

const [port, connections, seconds] = process.argv.slice(2).map(Number)
const agent = new http.Agent({ keepAlive: true, maxSockets: connections })
const until = performance.now() + seconds * 1_000
let answered = 0

const ask = () =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, agent, headers: { host: 'localhost' } }
    http.get(options, (response) => response.resume().once('end', resolve)).on('error', reject)
  })

async function client() {
  while (performance.now() < until) {
    await ask()
    answered++
  }
}

await Promise.all(Array.from({ length: connections }, client))
agent.destroy()
console.log(`Requests/sec: ${(answered / seconds).toFixed(2)}`)
