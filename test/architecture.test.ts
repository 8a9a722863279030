import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { entries, read, sources } from './support/pages.ts'

/**
 * The rooms of `src/`: folders, and the files beside them. A file imports from its own room and from rooms to the left,
 * and from no others.
 */
const ROOMS =
  'types < errors < sys < options < emitter < promises < probe < linux < schedule < process < address < ready < monitor < checks < orphans < plugin-host < context < child < spinner < index < pool < nginx < gateway < cli'.split(
    ' < ',
  )

/** Parts that are built on spinner as a plugin of somebody else would be: on public methods, and on these rooms. */
const SATELLITES = ['pool', 'nginx', 'gateway', 'cli']
const OPEN_TO_SATELLITES = [
  'types',
  'errors',
  'sys',
  'options',
  'emitter',
  'promises',
  'probe',
  'linux',
  'index',
]

/** Each package has one door; xstate has the four files that make up and run the machine. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  xstate: ['child/machine/names', 'child/machine/phases', 'child/supervisor'],
  eventemitter3: ['emitter'],
  chokidar: ['monitor/monitor'],
  'get-port': ['address/ports'],
  'tree-kill': ['process/group'],
  undici: ['gateway/proxy/upstream'],
  pidusage: ['checks/sampler'],
  commander: ['cli/main'],
  yaml: ['cli/config/yaml'],
}

const MOST_LINES = 250
interface Import {
  readonly from: string
  readonly to: string
  /** Gone from what is built: it can make no circle. */
  readonly isType: boolean
}

const nameOf = (file: string): string => file.replace(/^src\//, '').replace(/\.ts$/, '')

/** The import lines of a source; an import from the sources is named as its file is. */
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
const ours = imports.filter(isOurs)
const values = ours.filter((line) => !line.isType)

const roomOf = (file: string): number => ROOMS.indexOf(file.split('/')[0] as string)

const entryFiles = entries.map(nameOf)

const told = ({ from, to }: Import): string => `${from} -> ${to}`

/** A circle of imports that leads back to `file`, or null. */
function circleFrom(
  file: string,
  lines: readonly Import[],
  seen: Set<string>,
  way: readonly string[] = [],
): string | null {
  if (way.includes(file)) return [...way.slice(way.indexOf(file)), file].join(' -> ')
  if (seen.has(file)) return null
  seen.add(file)
  for (const { to } of lines.filter(({ from }) => from === file)) {
    const circle = circleFrom(to, lines, seen, [...way, file])
    if (circle) return circle
  }
  return null
}

describe('the sources', () => {
  test('are read at all: their import lines are found', () => {
    expect(files.length).toBeGreaterThan(20)
    expect(values.length).toBeGreaterThan(files.length)
    for (const file of files.filter((name) => name !== 'index' && !name.startsWith('types/'))) {
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

  test('are each in a room, and each room has some', () => {
    expect(files.filter((file) => roomOf(file) < 0)).toEqual([])
    expect(ROOMS.filter((room) => !files.some((file) => file.split('/')[0] === room))).toEqual([])
  })

  test('import from their own room and from those to the left, types included', () => {
    expect(ours.filter(({ from, to }) => roomOf(to) > roomOf(from)).map(told)).toEqual([])
  })

  test('import each other in no circle', () => {
    const seen = new Set<string>()
    expect(files.map((file) => circleFrom(file, values, seen)).filter((circle) => circle !== null)).toEqual(
      [],
    )
  })

  test('import types in no circle but among the contracts of types/', () => {
    const lines = ours.filter(({ from }) => !from.startsWith('types/'))
    const seen = new Set<string>()
    expect(files.map((file) => circleFrom(file, lines, seen)).filter((circle) => circle !== null)).toEqual([])
  })

  test('of a pool, nginx, the gateway and the command use what a plugin of somebody else may use', () => {
    const room = (file: string): string => file.split('/')[0] as string
    const fromCore = ours.filter(
      ({ from, to }) => SATELLITES.includes(room(from)) && !SATELLITES.includes(room(to)),
    )
    expect(
      fromCore
        .filter(({ to }) => !OPEN_TO_SATELLITES.includes(room(to)) && !entryFiles.includes(to))
        .map(told),
    ).toEqual([])
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

  test('declare each exported name once; only a class may have the name of the contract that it implements', () => {
    const declared = new Map<string, string[]>()
    for (const file of sources) {
      const names = read(file).matchAll(
        /^export (?:abstract |async )?(?:function\*?|class|const|interface|type) (\w+)/gm,
      )
      for (const [, name = ''] of names) declared.set(name, [...(declared.get(name) ?? []), nameOf(file)])
    }
    const twice = [...declared].filter(([, places]) => places.length > 1)
    expect(Object.fromEntries(twice)).toEqual({ SpinnerError: ['errors', 'types/errors'] })
  })

  test('keep the machine free of Node', () => {
    const ofMachine = imports.filter(({ from }) => from.startsWith('child/machine/'))
    expect(ofMachine.filter(({ to }) => to.startsWith('node:')).map(told)).toEqual([])
  })

  test(`are at most ${MOST_LINES} lines long`, () => {
    const linesOf = (file: string): number => read(file).split('\n').length - 1
    expect(sources.filter((file) => linesOf(file) > MOST_LINES)).toEqual([])
  })
})
