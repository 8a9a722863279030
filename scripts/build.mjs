// Builds dist/ from src/, unless it is newer than every source already.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const newest = (folder) => {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    )
    return files.map((entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs)
  } catch {
    return []
  }
}

const sources = [...newest(path.join(root, 'src')), statSync(path.join(root, 'tsconfig.build.json')).mtimeMs]
const built = newest(path.join(root, 'dist'))
const isFresh = built.length > 0 && Math.min(...built) > Math.max(...sources)
if (!isFresh || process.argv.includes('--force')) {
  rmSync(path.join(root, 'dist'), { recursive: true, force: true })
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
