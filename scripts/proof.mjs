// Runs a long proof: `node scripts/proof.mjs NAME [arguments]` compiles the current sources and tests,
// and runs test/NAME/run.ts as a plain program, without a test runner.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const compiled = path.join(root, 'node_modules/.cache/proof')
const [name = '', ...rest] = process.argv.slice(2)

if (!existsSync(path.join(root, 'test', name, 'run.ts'))) {
  console.error(`unknown proof '${name}': test/${name}/run.ts does not exist`)
  process.exit(1)
}
const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
const settings = ['-p', 'tsconfig.json', '--noEmit', 'false', '--rootDir', root, '--outDir', compiled]
const { status } = spawnSync(process.execPath, [tsc, ...settings], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

const program = path.join(compiled, 'test', name, 'run.js')
// Disable optimised code for the soak: V8 keeps about a megabyte of it in the heap, and the soak must measure only spinner.
const extra = name === 'soak' ? ['--no-opt'] : []
const flags = ['--expose-gc', '--enable-source-maps', ...extra, program, ...rest]
const proof = spawn(process.execPath, flags, { cwd: root, stdio: 'inherit' })
// Ctrl-C reaches both processes. Wait for the proof, which ends the processes that it has started.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => proof.kill(signal))
proof.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGKILL']))
