// The introductory program of node-spinner 0.3: callbacks and a socket, nothing else.
const http = require('node:http')
const path = require('node:path')
const { createSpinner } = require('spinner')

const spinner = createSpinner()
const script = path.join(__dirname, 'apps/hello.cjs')

spinner.start(script, (error, socket) => {
  if (error) throw error
  http.get({ socketPath: socket, path: '/' }, (response) => {
    console.log('HTTP %d %s', response.statusCode, http.STATUS_CODES[response.statusCode])
    response.on('data', (data) => console.log(`DATA <${data}>`))
    response.on('end', () => spinner.stop(script, () => console.log('stopped')))
  })
})
