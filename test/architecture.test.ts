import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { entries, read, sources } from './support/pages.ts'

/** From the top downwards; a file may import from its own line and from those below. What is on none is a leaf. */
const LAYERS: readonly RegExp[] = [
  /^cli\//,
  /^index$/,
  /^gateway\/index$/,
  /^gateway\//,
  /^nginx\/index$/,
  /^nginx\/nginx$/,
  /^nginx\//,
  /^pool$/,
  /^pool-options$/,
  /^spinner$/,
  /^child$/,
  /^life$/,
  /^supervision$/,
  /^machine$/,
  /^machine-passages$/,
  /^machine-setup$/,
  /^machine-context$/,
  /^actors$/,
  /^(resources|shared)$/,
  /^(attempt|beside|watching)$/,
  /^hints$/,
  /^(normalise|read-options|values|wrong-part|budget|monitor.*|(process|address|ready|checks)\/.*)$/,
]

/** Each package has one door; xstate has the four files that make up and run the machine. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  xstate: ['actors', 'machine-passages', 'machine-setup', 'supervision'],
  eventemitter3: ['events'],
  chokidar: ['monitor'],
  'get-port': ['address/ports'],
  'tree-kill': ['process/group'],
  undici: ['gateway/upstream'],
  pidusage: ['checks/usage'],
  commander: ['cli/main'],
  yaml: ['cli/config/yaml'],
  valibot: ['cli/config/shape'],
}

const MOST_LINES = 250
/** Files that may be longer, and how long; each is to shrink. */
const LONGER: Readonly<Record<string, number>> = { child: 330, spinner: 280 }

interface Import {
  readonly from: string
  readonly to: string
  /** Gone from what is built: it can make no circle. */
  readonly isType: boolean
}

const nameOf = (file: string): string => file.replace(/^src\//, '').replace(/\.ts$/, '')

/** The import lines of a source; what is imported from the sources is named as its file is. */
function importsOf(file: string): Import[] {
  const from = nameOf(file)
  const text = read(file).replace(/^ *(\*|\/\*\*|\/\/).*$/gm, '')
  const lines =
    /^(?:import|export)\b(?: (type)\b)?[^'"`;=()]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm
  return [...text.matchAll(lines)].map(([, type, ...specifiers]) => {
    const specifier = specifiers.find((given) => given !== undefined) as string
    const isOurs = specifier.startsWith('.')
    const to = isOurs ? nameOf(path.posix.join('src', path.posix.dirname(from), specifier)) : specifier
    return { from, to, isType: type !== undefined }
  })
}

const imports = sources.flatMap(importsOf)
const files = sources.map(nameOf)
const isOurs = ({ to }: Import): boolean => files.includes(to)
const values = imports.filter((line) => isOurs(line) && !line.isType)

const layerOf = (file: string): number => {
  const layer = LAYERS.findIndex((pattern) => pattern.test(file))
  return layer < 0 ? LAYERS.length : layer
}

const entryFiles = entries.map(nameOf)

const told = ({ from, to }: Import): string => `${from} -> ${to}`

/** A circle of imports that leads back to `file`, or null. */
function circleFrom(file: string, seen: Set<string>, way: readonly string[] = []): string | null {
  if (way.includes(file)) return [...way.slice(way.indexOf(file)), file].join(' -> ')
  if (seen.has(file)) return null
  seen.add(file)
  for (const { to } of values.filter(({ from }) => from === file)) {
    const circle = circleFrom(to, seen, [...way, file])
    if (circle) return circle
  }
  return null
}

describe('the sources', () => {
  test('are read at all: their import lines are found', () => {
    expect(files.length).toBeGreaterThan(20)
    expect(values.length).toBeGreaterThan(files.length)
    for (const file of files.filter((name) => !['index', 'options'].includes(name))) {
      expect(
        imports.some(({ from, to }) => from === file || to === file),
        file,
      ).toBe(true)
    }
  })

  test('import what is there', () => {
    const isRelative = ({ to }: Import): boolean => !to.startsWith('node:') && !(to in DOORS)
    expect(imports.filter((line) => isRelative(line) && !isOurs(line)).map(told)).toEqual([])
  })

  test('import downwards only; types are free', () => {
    expect(values.filter(({ from, to }) => layerOf(to) < layerOf(from)).map(told)).toEqual([])
  })

  test('import each other in no circle', () => {
    const seen = new Set<string>()
    expect(files.map((file) => circleFrom(file, seen)).filter((circle) => circle !== null)).toEqual([])
  })

  test('are all reached from the entry points of the package and the command', () => {
    const reached = new Set([...entryFiles, 'cli/index'])
    for (const file of reached)
      for (const { from, to } of imports.filter(isOurs)) if (from === file) reached.add(to)
    expect(files.filter((file) => !reached.has(file))).toEqual([])
  })

  for (const [name, doors] of Object.entries(DOORS)) {
    test(`know ${name} in ${doors.join(', ')} only`, () => {
      const users = new Set(imports.filter(({ to }) => to === name).map(({ from }) => from))
      expect([...users].sort()).toEqual([...doors].sort())
    })
  }

  test('keep the machine free of Node', () => {
    const ofMachine = imports.filter(({ from }) => from.startsWith('machine'))
    expect(ofMachine.filter(({ to }) => to.startsWith('node:')).map(told)).toEqual([])
  })

  test(`are at most ${MOST_LINES} lines long, but for those that are named here`, () => {
    const linesOf = (file: string): number => read(file).split('\n').length - 1
    const tooLong = sources
      .filter((file) => linesOf(file) > (LONGER[nameOf(file)] ?? MOST_LINES))
      .map((file) => `${file}: ${linesOf(file)}`)
    expect(tooLong).toEqual([])
  })

  test('that may be longer still are', () => {
    const needless = Object.keys(LONGER).filter(
      (name) => read(`src/${name}.ts`).split('\n').length - 1 <= MOST_LINES,
    )
    expect(needless).toEqual([])
  })
})
