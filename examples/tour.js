// The life of one child: spinner starts it on first use, restarts it when its file changes and when it crashes, and
// stops it when it is idle.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createSpinner } from 'spinner'

const say = (line) => console.log(`[host]    ${line}`)
const folder = mkdtempSync(path.join(tmpdir(), 'tour-'))
const script = path.join(folder, 'hello.cjs')
const save = (greeting) =>
  writeFileSync(
    script,
    `const http = require('node:http')
http.createServer((request, response) => response.end('${greeting}')).listen(process.env.PORT)
console.log('[hello]   listening, pid ' + process.pid)
`,
  )

const get = (target) =>
  new Promise((resolve, reject) => {
    const onAnswer = (response) => response.setEncoding('utf8').on('data', resolve)
    http.get({ ...target, path: '/', agent: false }, onAnswer).on('error', reject)
  })
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve))

save('hello, world')
const spinner = createSpinner({ idleTimeSec: 2, maxRestarts: 5 })

say('nothing runs yet; the first start() starts the child')
const child = spinner.start({ script, name: 'hello' })
say(`its address is ${await child}`)
say(`it answers: ${await get(child.target)}`)

say('another start() joins the running child')
await spinner.start('hello')

say('its file changes')
save('hello again')
await once(child, 'restarted')
say(`it answers: ${await get(child.target)}`)

say(`it crashes: kill -9 ${child.pid}`)
process.kill(child.pid, 'SIGKILL')
await once(child, 'restarted')
say(`it answers: ${await get(child.target)}`)

say('it is not used for two seconds')
await once(child, 'stopped')
say(`it is ${child.state}; the next start() starts it again`)

await spinner.close()
rmSync(folder, { recursive: true })
