// Three apps behind one port, each started by its first request: node examples/gateway/gateway.js [PORT]
import path from 'node:path'
import { createSpinner } from 'spinner'
import { createGateway } from 'spinner/gateway'

const at = (name) => path.join(import.meta.dirname, name)
const spinner = createSpinner({ idleTimeSec: 300 })

const gateway = createGateway(spinner, {
  waitingPage: true,
  routes: [
    // A Node server. spinner restarts it when its file changes.
    { host: 'hello.localhost', to: { name: 'hello', script: at('hello.cjs'), monitor: at('hello.cjs') } },
    // A program that cannot listen on a unix socket and does not know spinner. It gets a port.
    {
      host: 'files.localhost',
      to: {
        name: 'files',
        command: 'sh',
        args: ['-c', 'exec python3 -m http.server "$PORT" --bind 127.0.0.1'],
        cwd: at('pages'),
        listen: 'port',
      },
    },
    // A server with WebSockets. An open WebSocket keeps it awake.
    { host: 'echo.localhost', to: { name: 'echo', script: at('echo.js') } },
  ],
})

const { port } = await gateway.listen({ port: Number(process.argv[2] ?? 8080) })
for (const name of ['hello', 'files', 'echo']) console.log(`http://${name}.localhost:${port}`)

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => spinner.close())
