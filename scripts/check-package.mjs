// Checks the package that would be published: its files, links, entry points and types.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
/** Files that users of the package import or run. */
const ENTRIES = [
  ...Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : [entry.default, entry.types],
  ),
  ...Object.values(manifest.bin ?? {}),
].map((file) => path.posix.normalize(file))
const WANTED = ['CHANGELOG.md', 'LICENSE', 'README.md', 'spinner.schema.json', ...ENTRIES]
const ALLOWED = [
  /^(CHANGELOG\.md|CONTRIBUTING\.md|LICENSE|README\.md|package\.json|spinner\.schema\.json)$/,
  /^dist\/.+\.(js|d\.ts)(\.map)?$/,
  /^src\/.+\.ts$/,
  /^docs\/(.+\.md|states\.svg|charts\/.+\.svg)$/,
  /^examples\/.+\.(c?js|html|md|conf|yml)$/,
]

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 110_000,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
  })
  return {
    ok: status === 0,
    stdout: stdout ?? '',
    said: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`,
  }
}

/** Prints one line per check, and the whole output of a failed check. */
function report(what, ok, detail) {
  console.log(`package: ${what}: ${ok ? detail : 'wrong'}`)
  if (ok) return
  console.error(detail.trim())
  process.exitCode = 1
}

function pack(folder) {
  const npm = process.env.npm_execpath
  const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []]
  const flags = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const packed = run(command, [...args, ...flags])
  if (!packed.ok) {
    report('npm pack', false, packed.said)
    return null
  }
  const said = JSON.parse(packed.stdout)
  // npm 12 prints an object by name; earlier versions print an array.
  return Array.isArray(said) ? said[0] : Object.values(said)[0]
}

function checkFiles({ files, size, unpackedSize }) {
  const paths = files.map((file) => file.path)
  const missing = WANTED.filter((file) => !paths.includes(file)).map((file) => `missing: ${file}`)
  const surplus = paths
    .filter((file) => !ALLOWED.some((pattern) => pattern.test(file)))
    .map((file) => `unexpected: ${file}`)
  const sourceless = paths
    .filter((file) => /^dist\/.*\.js$/.test(file))
    .filter((file) => !paths.includes(file.replace(/^dist\/(.*)\.js$/, 'src/$1.ts')))
    .map((file) => `no source for: ${file}; run \`npm run build -- --force\``)
  const wrong = [...missing, ...surplus, ...sourceless]
  const kilobytes = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`
  const sizes = `${paths.length} files, ${kilobytes(size)} packed, ${kilobytes(unpackedSize)} unpacked`
  report('files', wrong.length === 0, wrong.length === 0 ? sizes : wrong.join('\n'))
}

/** Checks that links between pages also work in the installed package. */
function checkLinks({ files }) {
  const paths = files.map((file) => file.path)
  const isThere = (target) => paths.some((file) => file === target || file.startsWith(`${target}/`))
  const linksOf = (page) =>
    [...readFileSync(path.join(root, page), 'utf8').matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(
      ([, link]) => ({ page, target: path.posix.join(path.posix.dirname(page), link) }),
    )
  const links = paths.filter((file) => file.endsWith('.md')).flatMap(linksOf)
  const dead = links.filter(({ target }) => !isThere(target))
  const said = dead
    .map(({ page, target }) => `${page} links to ${target}, which is not in the package`)
    .join('\n')
  report('links', dead.length === 0, dead.length === 0 ? `${links.length} links, none broken` : said)
}

const bin = (file) => path.join(root, 'node_modules', file)
const folder = mkdtempSync(path.join(tmpdir(), 'spinner-pack-'))
try {
  const packed = pack(folder)
  if (packed) {
    const tarball = path.join(folder, packed.filename)
    checkFiles(packed)
    checkLinks(packed)
    const publint = run(process.execPath, [bin('publint/src/cli.js'), tarball, '--strict'])
    report('publint', publint.ok, publint.ok ? 'no problems' : publint.said)
    const attw = run(process.execPath, [
      bin('@arethetypeswrong/cli/dist/index.js'),
      tarball,
      '--profile',
      'esm-only',
    ])
    report('types (attw)', attw.ok, attw.ok ? 'no problems' : attw.said)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
