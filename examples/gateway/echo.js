// A WebSocket server that sends each message back.
import http from 'node:http'
import { WebSocketServer } from 'ws'

const PAGE = `<!doctype html><h1>echo</h1><pre id="log"></pre>
<script>
  const socket = new WebSocket('ws://' + location.host)
  socket.onopen = () => socket.send('hello')
  socket.onmessage = ({ data }) => (log.textContent += data + '\\n')
  socket.onclose = () => (log.textContent += 'closed\\n')
</script>`

const server = http.createServer((_request, response) => {
  response.setHeader('content-type', 'text/html')
  response.end(PAGE)
})
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))))
server.listen(process.env.PORT)
