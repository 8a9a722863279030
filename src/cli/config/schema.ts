import { OWN_OPTIONS } from '../../options/normalise.ts'
import * as takes from './fields.ts'
import { gateway, listen, route } from './gateway.ts'
import { either, list, named, nothing, type Shape, section } from './schema-kit.ts'

const MAP_OR_NOTHING = 'a map, or null'

/** Health checks; `null` takes one away that the defaults give. */
const checks = section({
  memory: either(
    MAP_OR_NOTHING,
    section({
      limit: takes.bytes,
      retries: takes.wholeFrom(1),
      interval: takes.seconds,
      tree: takes.flag,
    }),
    nothing,
  ),
  responseTime: either(
    MAP_OR_NOTHING,
    section({
      threshold: takes.seconds,
      retries: takes.wholeFrom(1),
      interval: takes.seconds,
      path: takes.urlPath,
      headers: named(takes.text('a text')),
    }),
    nothing,
  ),
  command: either(
    MAP_OR_NOTHING,
    section({
      command: takes.text('the name or path of a program'),
      args: takes.texts,
      env: named(takes.variable),
      timeout: takes.seconds,
      retries: takes.wholeFrom(1),
      interval: takes.seconds,
    }),
    nothing,
  ),
})

const monitor = either(
  'a path, a list of paths, a map of paths, ignore and debounce, or null',
  takes.pathOrNothing,
  list(takes.path, 'a list of paths'),
  section({
    paths: either('a path, or a list of paths', takes.path, list(takes.path)),
    ignore: either('a text, or a list of texts', takes.text('a text'), takes.texts),
    debounce: takes.seconds,
  }),
)

const ready = either(
  "'listen', 'spawn', 'message', a map with http: /path, or a map with output: and a pattern",
  takes.oneOf('listen', 'spawn', 'message'),
  section({ http: takes.urlPath, output: takes.pattern }),
)

/** What the library takes for every child, as far as a file can say it. */
const shared: Readonly<Record<string, Shape>> = {
  command: takes.text('the name or path of a program'),
  env: named(takes.variable, 'a map of texts'),
  extendEnv: either('true, false or a list of names', takes.flag, takes.texts),
  cwd: takes.pathOrNothing,
  timeout: takes.duration('timeout'),
  attempts: takes.count('attempts', 1),
  stopTimeout: takes.duration('stopTimeout'),
  stopSignal: takes.signal,
  stopScope: takes.choice('stopScope', ['group', 'leader']),
  monitor,
  stdout: takes.outputFile,
  stderr: takes.outputFile,
  idleTimeSec: takes.durationOrOff('idleTimeSec'),
  warm: takes.flag,
  restart: takes.choice('restart', ['always', 'on-failure', 'never']),
  restartTolerance: takes.duration('restartTolerance'),
  maxRestarts: takes.count('maxRestarts', 0),
  faultTimeout: takes.duration('faultTimeout'),
  restartOrder: takes.choice('restartOrder', ['stop-first', 'start-first']),
  listen: takes.listen,
  ready,
  stdin: takes.choice('stdin', ['ignore', 'pipe']),
  ipc: takes.flag,
  uid: takes.count('uid', 0),
  gid: takes.count('gid', 0),
  checks,
  drainTimeout: takes.duration('drainTimeout'),
}

const ofChild = { script: takes.path, args: takes.texts, ...shared }

const defaults = section(shared)
const child = section(ofChild)
const pool = section({ size: takes.size, port: takes.port, ...ofChild })
const PROGRAM = 'a program, or a list of a program and its arguments'
const program = either(PROGRAM, takes.text('a program'), takes.texts)
const flagOrProgram = either(`true, false, ${PROGRAM}`, takes.flag, program)
const nginx = section({
  upstream: takes.text('the name of the upstream'),
  file: takes.path,
  mode: takes.oneOf('include', 'block'),
  children: either(
    'the name of a child or pool, or a list of names',
    takes.text('the name of a child or pool'),
    list(takes.text('the name of a child or pool')),
  ),
  command: program,
  config: takes.path,
  pid: takes.path,
  test: flagOrProgram,
  reload: flagOrProgram,
  grace: takes.seconds,
  params: either('a text, or a list of texts', takes.text('a text'), takes.texts),
  directives: takes.texts,
  backup: takes.portOrSocket,
  debounce: takes.seconds,
  timeout: takes.seconds,
})

const NAMED = 'a map of names and options'
const body: Readonly<Record<string, Shape>> = {
  id: takes.text('a text that is not empty'),
  runtimeDir: takes.path,
  concurrency: takes.wholeFrom(1),
  maxRunning: takes.wholeFrom(1),
  maxMemory: takes.amount('maxMemory', OWN_OPTIONS),
  defaults,
  children: named(either('a map of options, or null', child, nothing), NAMED),
  pools: named(either('a map of options, or null', pool, nothing), NAMED),
  nginx: either('a map, a list of maps, or null', nginx, list(nginx, 'a list of maps'), nothing),
  gateway: either(MAP_OR_NOTHING, gateway, nothing),
}

/** The parts that are used more than once, by the names that they have in the schema for editors. */
export const parts: Readonly<Record<string, Shape>> = {
  checks,
  defaults,
  child,
  pool,
  nginx,
  gateway,
  gatewayListen: listen,
  route,
}

/** What a file says once an environment is merged in. */
export const settled: Shape = section(body)

/** A file as it is written. */
export const file: Shape = section({
  ...body,
  environments: named(either(MAP_OR_NOTHING, section(body), nothing), 'a map of names and what each changes'),
})
