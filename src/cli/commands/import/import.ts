import path from 'node:path'
import { nearest } from '../../../options/suggest.ts'
import { ConfigError, errorOf, type Problem } from '../../config/error.ts'
import type { Plain } from '../../config/model.ts'
import { locate, MapNode, ScalarNode } from '../../config/nodes.ts'
import { textOf } from '../../config/read.ts'
import { readYaml, writeYaml } from '../../config/yaml.ts'
import { writeAll } from '../../output/stdout.ts'
import { writeNew } from '../write-file.ts'
import { Environment, REQUIRED_KEYS } from './phantom-manager.ts'
import { rubyValue } from './ruby-yaml.ts'

/** The options of `spinner import phantom-manager`. */
export interface ImportOptions {
  readonly file: string
  readonly env: string | null
  readonly output: string
  readonly force: boolean
}

/** `spinner import phantom-manager`: writes an equivalent configuration, and prints what has no counterpart. */
export async function importPhantomManager(options: ImportOptions): Promise<number> {
  const { file, env, output, force } = options
  const text = textOf(file)
  const isPrinted = output === '-'
  const folder = isPrinted ? process.cwd() : path.dirname(path.resolve(output))
  const { yaml, notes, names } = translate(text, file, env, (given) => relativeTo(folder, given))
  if (isPrinted) await writeAll(process.stdout, yaml)
  else writeNew(output, yaml, force)
  const config = output === 'spinner.yml' ? '' : ` -c ${output}`
  const next = `created ${output}; next, run: spinner run${config} -e ${names.join('|')}`
  const lines = isPrinted ? notes : [...notes, next]
  await writeAll(process.stderr, lines.map((line) => `${line}\n`).join(''))
  return 0
}

/**
 * Converts a path that is relative to the folder in which phantom-manager was started, assumed to be the current one, to a
 * path that is relative to the folder of the new file.
 */
function relativeTo(folder: string, given: string): string {
  if (path.isAbsolute(given)) return given
  const relative = path.relative(folder, path.resolve(given))
  return relative.startsWith('.') ? relative : `./${relative}`
}

interface Translated {
  readonly yaml: string
  readonly notes: readonly string[]
  readonly names: readonly string[]
}

/** Translates the text of a configuration of phantom-manager to the text of a `spinner.yml`. */
export function translate(
  text: string,
  file: string,
  env: string | null,
  relocate: (given: string) => string,
): Translated {
  const { tree, problems } = readYaml(text)
  if (problems.length > 0) throw errorOf(file, text, problems)
  const notes: string[] = []
  const mistakes: Problem[] = []
  const environments: Record<string, Plain> = Object.create(null)
  for (const name of environmentNames(tree, env, file)) {
    const section = tree.get(name)
    const why = whyNoEnvironment(section)
    if (why !== null) {
      if (env !== null)
        mistakes.push({ at: locate(tree, [name]), message: `'${name}' is not an environment: ${why}` })
      notes.push(`${name}: dropped, because it is not an environment: ${why}`)
    } else environments[name] = convert(name, section as MapNode, relocate, notes, mistakes)
  }
  const names = Object.keys(environments)
  if (mistakes.length === 0 && names.length === 0)
    mistakes.push({
      at: 0,
      message: `it contains no environment of phantom-manager: ${notes.join('; ') || 'it is empty'}`,
    })
  if (mistakes.length > 0) throw errorOf(file, text, mistakes)
  return { yaml: `${header(file, names, notes)}\n${writeYaml({ environments })}`, notes, names }
}

function environmentNames(tree: MapNode, env: string | null, file: string): string[] {
  const names = [...tree.entries.keys()]
  if (env === null) return names
  if (names.includes(env)) return [env]
  const suggestion = nearest(env, names)
  throw new ConfigError([
    `${file}: no environment is called '${env}'; ${suggestion ? `did you mean '${suggestion}'?` : `there are ${names.join(', ')}`}`,
  ])
}

/** Returns why a section is not an environment, or null. Sections that others merge with `<<` may be incomplete. */
function whyNoEnvironment(section: unknown): string | null {
  if (!(section instanceof MapNode)) return 'it is not a map'
  const missing = REQUIRED_KEYS.filter((key) => !section.entries.has(key))
  return missing.length === 0 ? null : `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`
}

function convert(
  name: string,
  section: MapNode,
  relocate: (given: string) => string,
  notes: string[],
  mistakes: Problem[],
): Plain {
  const scalars = [...section.entries].flatMap(([key, { value }]) =>
    value instanceof ScalarNode ? [[key, rubyValue(value)] as const] : [],
  )
  for (const [key, { value }] of section.entries)
    if (!(value instanceof ScalarNode))
      notes.push(`${name}: ${key} was dropped: phantom-manager accepts no list or map here`)
  const environment = new Environment(new Map(scalars), relocate)
  const converted = environment.convert()
  for (const note of converted.notes) notes.push(`${name}: ${note}`)
  for (const { key, message } of environment.unusable)
    mistakes.push({ at: section.entries.get(key)?.at ?? section.at, message })
  return converted.environment
}

function header(file: string, names: readonly string[], notes: readonly string[]): string {
  const lines = [
    'yaml-language-server: $schema=node_modules/spinner/spinner.schema.json',
    '',
    `Imported from ${path.basename(file)}, a configuration of phantom-manager. Run it with: spinner run -e ${names.join('|')}`,
    'Paths are relative to the folder of this file.',
    ...(notes.length > 0 ? ['', 'Notes:', ...notes.map((note) => `- ${note}`)] : []),
  ]
  // Replace control characters, because a name can contain a line break, and the text after it must stay a comment.
  return lines.map((line) => `# ${line.replace(/[^\P{C}\t]+/gu, ' ')}`.trimEnd()).join('\n')
}
