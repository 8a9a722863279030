#!/usr/bin/env node
// Nothing is imported before these two are listened to: until then they would end the program
// (docs/hazards.md#h26).
const early: NodeJS.Signals[] = []
let listener: (signal: NodeJS.Signals) => void = (signal) => void early.push(signal)

if (process.platform !== 'win32') {
  for (const signal of ['SIGUSR2', 'SIGHUP'] as const) process.on(signal, () => listener(signal))
}

const { main } = await import('./main.ts')
const code = await main(process.argv.slice(2), (later) => {
  listener = later
  for (const signal of early.splice(0)) listener(signal)
})
process.exit(code)

export {}
