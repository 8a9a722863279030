const http = require('node:http')

http.createServer((_request, response) => response.end('hello, world')).listen(process.env.PORT)
