// Node counterpart of server.c: a small HTTP server on PORT.
const { rmSync, writeSync } = require('node:fs')
const { createServer } = require('node:http')

const { PORT, BENCH_FD3, BENCH_IPC, UPGRADES } = process.env
const server = createServer((_request, response) => response.end('ok\n'))
if (UPGRADES) {
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => {}).resume()
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  })
}
const address = PORT.startsWith('/') ? { path: PORT } : { host: '127.0.0.1', port: Number(PORT) }
// Some supervisors do not remove the socket of a dead process.
if (address.path) rmSync(address.path, { force: true })
server.listen(address, () => {
  if (BENCH_FD3) writeSync(3, '!')
  if (BENCH_IPC) process.send('ready')
})
