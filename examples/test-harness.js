// A server for tests. It starts once for all tests, on a free port, and the leases keep it running while tests use it.
// In TypeScript and newer versions of Node, `await using lease = …` replaces the try and finally blocks of check().
import assert from 'node:assert'
import path from 'node:path'
import { createSpinner } from 'spinner'

const script = path.join(import.meta.dirname, 'apps/hello.cjs')
const server = { name: 'server', script, listen: 'port', timeout: '10s', monitor: null }
const spinner = createSpinner({ logger: null })
let passed = 0

async function check(pathname) {
  const lease = await spinner.acquire(server)
  try {
    const response = await fetch(`http://localhost:${lease.address}${pathname}`)
    assert.equal(response.status, 200)
    assert.equal(await response.text(), 'hello, world')
    passed++
  } finally {
    lease.release()
  }
}

try {
  await Promise.all([check('/one'), check('/two')])
  assert.equal(spinner.get('server').leases, 0)
  console.log(`${passed} checks passed, by one process: ${spinner.get('server').pid}`)
} finally {
  await spinner.close()
}
