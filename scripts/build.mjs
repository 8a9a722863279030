// Builds dist/ from src/, unless dist/ is newer than every source.
import { spawnSync } from 'node:child_process'
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs'
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
  // Build into a separate directory first, so that dist/ is always complete for its users, old or new.
  const fresh = path.join(root, `dist.${process.pid}`)
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status === 0) {
    rmSync(path.join(root, 'dist'), { recursive: true, force: true })
    renameSync(fresh, path.join(root, 'dist'))
  } else {
    rmSync(fresh, { recursive: true, force: true })
    process.exit(status ?? 1)
  }
}
