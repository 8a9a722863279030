// Measures the memory of idle WebSockets in a proxy.
import net from 'node:net'

export const SOCKETS = 1_000

/** Returns the kilobytes of the proxy's memory per idle WebSocket. */
export async function idleSockets({ ask, began: port }) {
  const before = await ask('memory')
  const head = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`
  const open = () =>
    new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(head))
      socket.on('error', reject).once('data', () => resolve(socket))
    })
  const sockets = []
  while (sockets.length < SOCKETS) sockets.push(...(await Promise.all(Array.from({ length: 50 }, open))))
  const kilobytes = ((await ask('memory')) - before) / SOCKETS / 1_024
  for (const socket of sockets) socket.destroy()
  return kilobytes
}
