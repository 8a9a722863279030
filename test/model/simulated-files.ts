import type fs from 'node:fs'
import { errnoError, type SimulatedSockets } from './simulated-sockets.ts'

/** Returns a `node:fs` with only the files of a map, each with its version number, and with the sockets. */
export function simulatedFiles(files: ReadonlyMap<string, number>, sockets: SimulatedSockets): typeof fs {
  const versionOf = (file: string): number => {
    const version = files.get(file)
    if (version === undefined) throw errnoError('ENOENT')
    return version
  }
  const known: Record<string, unknown> = {
    ...sockets.fs,
    existsSync: (file: string) => files.has(file) || sockets.has(file),
    realpathSync: (file: string) => file,
    readFileSync: (file: string) => `version ${versionOf(file)}`,
    statSync: (file: string) => ({
      isFile: () => true,
      size: 10,
      mtimeMs: versionOf(file),
      dev: 1,
      ino: 1,
      birthtimeMs: 1,
    }),
  }
  const absent = (): never => {
    throw errnoError('ENOENT')
  }
  return new Proxy({}, { get: (_, key) => known[String(key)] ?? absent }) as typeof fs
}
