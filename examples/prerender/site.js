// The server of the app. It sends the app's files, and the one page for every path without a file extension.
import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'

const file = (name) => readFileSync(path.join(import.meta.dirname, 'app', name))
const FILES = { '/app.js': ['text/javascript', file('app.js')] }
const PAGE = ['text/html; charset=utf-8', file('index.html')]

const server = http.createServer((request, response) => {
  const [pathname] = request.url.split('?')
  const [type, body] = FILES[pathname] ?? (/\.\w+$/.test(pathname) ? [] : PAGE)
  if (type) response.writeHead(200, { 'Content-Type': type }).end(body)
  else response.writeHead(404).end(`There is no file ${pathname}.\n`)
})
server.listen(process.env.PORT, '127.0.0.1')
process.once('SIGTERM', () => server.close())
