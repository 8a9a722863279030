const http = require('node:http')

http
  .createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<h1>hello from Node</h1>')
  })
  .listen(process.env.PORT)
