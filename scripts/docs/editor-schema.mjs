// spinner.schema.json: what editors know of spinner.yml, from the schema with which the command reads it.
import { toJsonSchema } from '@valibot/to-json-schema'
import { membersOf } from './options-page.mjs'

/** What a file says in another way than the library does. */
const OWN_WORDS = {
  script: 'A program for Node, counted from the folder of this file.',
  env: 'Merged over the defaults and the inherited environment, as it is written here; null removes a variable. `PORT` and `port` are set last.',
  cwd: 'The folder it runs in; without it, the folder of this file.',
  stdout: "A file to which the child's stdout is appended, besides being printed.",
  stderr: "A file to which the child's stderr is appended, besides being printed.",
  idleTimeSec: 'Off, unless it is given: nobody uses a child of the command as a program would.',
  checks: 'Health checks, run while it is started: memory, responseTime, command.',
}

/** Links lead nowhere from an editor. */
const textOf = (meaning) =>
  meaning.replace(/\s*\(see \[[^\]]*\]\([^)]*\)\)/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')

export function editorSchema({ file, parts }, source) {
  const json = toJsonSchema(file, {
    typeMode: 'input',
    target: 'draft-07',
    definitions: parts,
    overrideSchema: ({ valibotSchema, jsonSchema }) => {
      // What a word takes is said by its metadata.
      if (valibotSchema.type === 'custom') return jsonSchema
      if (valibotSchema.type !== 'strict_object') return undefined
      const { required, ...rest } = jsonSchema
      return rest
    },
  })
  const meanings = [...membersOf(source, 'ChildOptions'), ...membersOf(source, 'SpinnerOptions')]
  for (const { key, meaning } of meanings) describe(json, key, OWN_WORDS[key] ?? meaning)
  return `${JSON.stringify({ title: 'spinner.yml', ...json }, null, 2)}\n`
}

function describe(json, key, meaning) {
  for (const { properties } of [json, ...['defaults', 'child', 'pool'].map((name) => json.$defs[name])]) {
    if (properties?.[key]) properties[key] = { ...properties[key], description: textOf(meaning) }
  }
}
