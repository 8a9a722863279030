#!/usr/bin/env node
// Listen for these two signals before importing anything, because without a listener they end the program
// (docs/hazards.md#h26).
const early: NodeJS.Signals[] = []
let listener: (signal: NodeJS.Signals) => void = (signal) => void early.push(signal)

if (process.platform !== 'win32') {
  for (const signal of ['SIGUSR2', 'SIGHUP'] as const) process.on(signal, () => listener(signal))
}

const { main } = await import('./main.ts')
const code = await main(process.argv.slice(2), (next) => {
  listener = next
  for (const signal of early.splice(0)) listener(signal)
})
process.exit(code)

export {}
