import path from 'node:path'
import { nearest } from '../../../options/suggest.ts'
import { ConfigError, errorOf, type Problem } from '../../config/error.ts'
import type { Plain } from '../../config/model.ts'
import { locate, MapNode, ScalarNode } from '../../config/nodes.ts'
import { textOf } from '../../config/read.ts'
import { readYaml, writeYaml } from '../../config/yaml.ts'
import { writeAll } from '../../output/stdout.ts'
import { writeNew } from '../write-file.ts'
import { Environment, NEEDED } from './phantom-manager.ts'
import { rubyValue } from './ruby-yaml.ts'

/** What `spinner import phantom-manager` takes. */
export interface ImportOptions {
  readonly file: string
  readonly env: string | null
  readonly output: string
  readonly force: boolean
}

/** Writes a configuration that does the same as that of phantom-manager, and names what does not carry over. */
export async function importPhantomManager(options: ImportOptions): Promise<number> {
  const { file, env, output, force } = options
  const text = textOf(file)
  const isPrinted = output === '-'
  const folder = isPrinted ? process.cwd() : path.dirname(path.resolve(output))
  const { yaml, notes, names } = translate(text, file, env, (given) => placeIn(folder, given))
  if (isPrinted) await writeAll(process.stdout, yaml)
  else writeNew(output, yaml, force)
  const config = output === 'spinner.yml' ? '' : ` -c ${output}`
  const next = `${output} was written; now: spinner run${config} -e ${names.join('|')}`
  const lines = isPrinted ? notes : [...notes, next]
  await writeAll(process.stderr, lines.map((line) => `${line}\n`).join(''))
  return 0
}

/** Paths counted from where phantom-manager was started, which is taken to be here; now they count from the file. */
function placeIn(folder: string, given: string): string {
  if (path.isAbsolute(given)) return given
  const relative = path.relative(folder, path.resolve(given))
  return relative.startsWith('.') ? relative : `./${relative}`
}

interface Translated {
  readonly yaml: string
  readonly notes: readonly string[]
  readonly names: readonly string[]
}

/** The text of a configuration of phantom-manager's as that of one of ours. */
export function translate(
  text: string,
  file: string,
  env: string | null,
  place: (given: string) => string,
): Translated {
  const { tree, problems } = readYaml(text)
  if (problems.length > 0) throw errorOf(file, text, problems)
  const notes: string[] = []
  const wrong: Problem[] = []
  const environments: Record<string, Plain> = Object.create(null)
  for (const name of chosen(tree, env, file)) {
    const section = tree.get(name)
    const why = whyNot(section)
    if (why !== null) {
      if (env !== null)
        wrong.push({ at: locate(tree, [name]), message: `'${name}' is no environment: ${why}` })
      notes.push(`${name}: left out, since it is no environment: ${why}`)
    } else environments[name] = convert(name, section as MapNode, place, notes, wrong)
  }
  const names = Object.keys(environments)
  if (wrong.length === 0 && names.length === 0)
    wrong.push({
      at: 0,
      message: `no environment of phantom-manager's is in it: ${notes.join('; ') || 'it is empty'}`,
    })
  if (wrong.length > 0) throw errorOf(file, text, wrong)
  return { yaml: `${header(file, names, notes)}\n${writeYaml({ environments })}`, notes, names }
}

function chosen(tree: MapNode, env: string | null, file: string): string[] {
  const names = [...tree.entries.keys()]
  if (env === null) return names
  if (names.includes(env)) return [env]
  const meant = nearest(env, names)
  throw new ConfigError([
    `${file}: no environment is called '${env}'; ${meant ? `did you mean '${meant}'?` : `there are ${names.join(', ')}`}`,
  ])
}

/** Sections that others are made of by `<<` need not be complete. */
function whyNot(section: unknown): string | null {
  if (!(section instanceof MapNode)) return 'it is no map'
  const missing = NEEDED.filter((key) => !section.entries.has(key))
  return missing.length === 0 ? null : `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`
}

function convert(
  name: string,
  section: MapNode,
  place: (given: string) => string,
  notes: string[],
  wrong: Problem[],
): Plain {
  const words = [...section.entries].flatMap(([key, { value }]) =>
    value instanceof ScalarNode ? [[key, rubyValue(value)] as const] : [],
  )
  for (const [key, { value }] of section.entries)
    if (!(value instanceof ScalarNode))
      notes.push(`${name}: ${key} has no counterpart: phantom-manager knows no lists or maps here`)
  const environment = new Environment(new Map(words), place)
  const converted = environment.convert()
  for (const note of converted.notes) notes.push(`${name}: ${note}`)
  for (const { key, message } of environment.unusable)
    wrong.push({ at: section.entries.get(key)?.at ?? section.at, message })
  return converted.environment
}

function header(file: string, names: readonly string[], notes: readonly string[]): string {
  const lines = [
    'yaml-language-server: $schema=node_modules/spinner/spinner.schema.json',
    '',
    `Made of ${path.basename(file)}, a configuration of phantom-manager's. Start it with: spinner run -e ${names.join('|')}`,
    'Paths count from the folder of this file.',
    ...(notes.length > 0 ? ['', 'To know:', ...notes.map((note) => `- ${note}`)] : []),
  ]
  // A name could hold a line break, and what is behind it must stay a comment.
  return lines.map((line) => `# ${line.replace(/[^\P{C}\t]+/gu, ' ')}`.trimEnd()).join('\n')
}
