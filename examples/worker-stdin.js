// A worker without an address: it reads jobs from stdin and writes results to stdout, one per line.
import { createInterface } from 'node:readline'
import { createSpinner } from 'spinner'

if (process.argv[2] === 'work') {
  console.log('ready for work')
  for await (const job of createInterface({ input: process.stdin })) console.log(`done: ${job.toUpperCase()}`)
} else {
  const spinner = createSpinner({ logger: null, stdout: null })
  const worker = spinner.start({
    name: 'worker',
    script: import.meta.filename,
    args: ['work'],
    listen: null,
    stdin: 'pipe',
    ready: { output: /^ready/ },
    monitor: null,
  })
  await worker

  const jobs = ['spinner', 'worker']
  const done = new Promise((resolve) => {
    let left = jobs.length
    worker.on('output', (stream, line) => {
      console.log(`${stream}: ${line}`)
      if (line.startsWith('done') && --left === 0) resolve()
    })
  })
  for (const job of jobs) worker.stdin.write(`${job}\n`)
  await done
  await spinner.close()
}
