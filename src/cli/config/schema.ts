import type { JsonSchema } from '../../options/parsers.ts'
import { READY_VALUES, READY_WORDS } from '../../options/readiness.ts'
import { CHILD_OPTIONS, OWN_OPTIONS } from '../../options/table.ts'
import type { ChildSettings } from '../../types/options.ts'
import {
  booleanField,
  bytesField,
  field,
  fieldsOf,
  integerField,
  outputFileField,
  pathField,
  pathOrNullField,
  portField,
  portOrSocketField,
  readyField,
  secondsField,
  sizeField,
  stringField,
  stringsField,
  urlPathField,
  variableField,
  wordField,
} from './fields.ts'
import { gateway, listen, route } from './gateway.ts'
import { either, jsonSchema, list, named, nullField, type Shape, section } from './schema-kit.ts'

const MAP_OR_NULL = 'a map, or null'
const PROGRAM_NAME = 'the name or path of a program'

/** Health checks. `null` removes a check of the defaults. */
const checks = section({
  memory: either(
    MAP_OR_NULL,
    section({
      limit: bytesField,
      retries: integerField(1),
      interval: secondsField,
      tree: booleanField,
    }),
    nullField,
  ),
  responseTime: either(
    MAP_OR_NULL,
    section({
      threshold: secondsField,
      retries: integerField(1),
      interval: secondsField,
      path: urlPathField,
      headers: named(stringField('a string')),
    }),
    nullField,
  ),
  command: either(
    MAP_OR_NULL,
    section({
      command: stringField(PROGRAM_NAME),
      args: stringsField,
      env: named(variableField),
      timeout: secondsField,
      retries: integerField(1),
      interval: secondsField,
    }),
    nullField,
  ),
})

const monitor = either(
  'a path, a list of paths, a map of paths, ignore and debounce, or null',
  pathOrNullField,
  list(pathField, 'a list of paths'),
  section({
    paths: either('a path, or a list of paths', pathField, list(pathField)),
    ignore: either('a string, or a list of strings', stringField('a string'), stringsField),
    debounce: secondsField,
  }),
)

const READY_TEXTS = [...READY_VALUES.values()].map(({ text }) => `a map with ${text.example}`)

const ready = either(
  `${READY_WORDS.map((each) => `'${each}'`).join(', ')}, ${READY_TEXTS.join(', or ')}`,
  wordField(...READY_WORDS),
  section(Object.fromEntries([...READY_VALUES].map(([kind, value]) => [kind, readyField(value)]))),
)

/** The child options that a file writes differently than a program; null for those that it cannot write. */
const CHILD_FORMS: Readonly<Partial<Record<keyof ChildSettings, Shape | null>>> = {
  // The key of a child is its name.
  name: null,
  // The command prints the log lines itself.
  logger: null,
  script: pathField,
  command: stringField(PROGRAM_NAME),
  args: stringsField,
  env: named(variableField, 'a map of strings'),
  extendEnv: either('true, false or a list of names', booleanField, stringsField),
  cwd: pathOrNullField,
  monitor,
  stdout: outputFileField,
  stderr: outputFileField,
  // A file has no functions, so `listen` cannot be an allocator.
  listen: field({
    parse: CHILD_OPTIONS.listen.parse,
    expected: "'socket', 'port', a port number from 1 to 65535, or null",
  }),
  ready,
  checks,
}

const ofChild = fieldsOf(CHILD_OPTIONS, CHILD_FORMS)
const { script: _script, args: _args, ...ofDefaults } = ofChild

const defaults = section(ofDefaults)
const child = section(ofChild)
const pool = section({ size: sizeField, port: portField, ...ofChild })
const PROGRAM = 'a program, or a list of a program and its arguments'
const program = either(PROGRAM, stringField('a program'), stringsField)
const flagOrProgram = either(`true, false, ${PROGRAM}`, booleanField, program)
const nginx = section({
  upstream: stringField('the name of the upstream'),
  file: pathField,
  mode: wordField('include', 'block'),
  children: either(
    'the name of a child or pool, or a list of names',
    stringField('the name of a child or pool'),
    list(stringField('the name of a child or pool')),
  ),
  command: program,
  config: pathField,
  pid: pathField,
  test: flagOrProgram,
  reload: flagOrProgram,
  grace: secondsField,
  params: either('a string, or a list of strings', stringField('a string'), stringsField),
  directives: stringsField,
  backup: portOrSocketField,
  debounce: secondsField,
  timeout: secondsField,
})

/** The options of the spinner that a file can write; null for those that only a program sets. */
const ownFields = fieldsOf(OWN_OPTIONS, {
  plugins: null,
  orphans: null,
  cgroup: null,
  id: stringField(OWN_OPTIONS.id.expected),
  runtimeDir: pathField,
  maxRunning: integerField(1),
})

/** The names of these options. */
export const OWN_KEYS: readonly string[] = Object.keys(ownFields)

const NAMED = 'a map of names and options'
const body: Readonly<Record<string, Shape>> = {
  ...ownFields,
  defaults,
  children: named(either('a map of options, or null', child, nullField), NAMED),
  pools: named(either('a map of options, or null', pool, nullField), NAMED),
  nginx: either('a map, a list of maps, or null', nginx, list(nginx, 'a list of maps'), nullField),
  gateway: either(MAP_OR_NULL, gateway, nullField),
}

/** Shapes that occur more than once: the definitions of the schema for editors, by name. */
const parts: Readonly<Record<string, Shape>> = {
  checks,
  defaults,
  child,
  pool,
  nginx,
  gateway,
  gatewayListen: listen,
  route,
}

/** A file after an environment was merged into it. */
export const settled: Shape = section(body)

/** A file as it is written. */
export const file: Shape = section({
  ...body,
  environments: named(either(MAP_OR_NULL, section(body), nullField), 'a map of names and what each changes'),
})

/** Returns the JSON schema of a file, which editors use. */
export const fileSchema = (): JsonSchema => jsonSchema(file, parts)
