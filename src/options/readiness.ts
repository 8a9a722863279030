import type { ChildSettings, Ready } from '../types/options.ts'
import type { Explain } from './explain.ts'
import { INVALID, type JsonSchema, type Parser, show, urlPath } from './parsers.ts'

/** The kinds of readiness: three words, two objects with one key, and a function. */
export type ReadyKind = 'listen' | 'spawn' | 'message' | 'http' | 'output' | 'function'

/** The value under the one key of a kind that is written as an object. */
export interface ReadyValue {
  readonly parse: Parser
  /** Explains what is wrong with the value. */
  readonly explain: (value: unknown) => string
  /** How a configuration file, which has only text, writes the value. */
  readonly text: {
    readonly expected: string
    readonly example: string
    readonly schema: JsonSchema
    /** Converts the text to the value; throws if that is impossible. */
    readonly convert: (text: string) => unknown
  }
}

/** One kind of readiness. */
export interface ReadinessRow {
  /** How messages write the kind. */
  readonly form: string
  /** The child must have an address. */
  readonly needsAddress: boolean
  /** The child needs an IPC channel. */
  readonly needsIpc?: true
  /** The kind is written as a word: its own name. */
  readonly isWord?: true
  /** The kind is written as an object with one key: its own name. */
  readonly value?: ReadyValue
}

const http: ReadyValue = {
  parse: urlPath,
  explain: (value) => {
    if (typeof value !== 'string') return `its \`http\` is ${show(value)}`
    const fault = value.startsWith('/') ? 'which contains white space' : "which does not begin with '/'"
    return `its \`http\` is ${show(value)}, ${fault}`
  },
  text: {
    expected: "a path that begins with '/'",
    example: 'http: /path',
    schema: { type: 'string', pattern: '^/' },
    convert: (text) => text,
  },
}

const output: ReadyValue = {
  parse: (value) => (value instanceof RegExp ? value : INVALID),
  explain: (value) => `its \`output\` is ${show(value)} and not a regular expression; write it as /…/`,
  text: {
    expected: 'a regular expression',
    example: 'output: and a pattern',
    schema: { type: 'string' },
    convert: (text) => new RegExp(text),
  },
}

/** Every kind of readiness. `src/ready/ready.ts` has the wait of each. */
export const READINESS: Readonly<Record<ReadyKind, ReadinessRow>> = {
  listen: { form: "'listen'", needsAddress: true, isWord: true },
  spawn: { form: "'spawn'", needsAddress: false, isWord: true },
  message: { form: "'message'", needsAddress: false, isWord: true, needsIpc: true },
  http: { form: "{ http: '/path' }", needsAddress: true, value: http },
  output: { form: '{ output: /pattern/ }', needsAddress: false, value: output },
  function: { form: 'a function', needsAddress: false },
}

const KINDS = Object.keys(READINESS) as ReadyKind[]

/** The kinds that are written as an object, by their key, with the value under it. */
export const READY_VALUES: ReadonlyMap<string, ReadyValue> = new Map(
  KINDS.flatMap((kind) => {
    const { value } = READINESS[kind]
    return value ? [[kind, value] as const] : []
  }),
)

/** The kinds that are written as a word. */
export const READY_WORDS: readonly string[] = KINDS.filter((kind) => READINESS[kind].isWord)

const formsOf = (kinds: readonly ReadyKind[]): string => {
  const forms = kinds.map((kind) => READINESS[kind].form)
  return `${forms.slice(0, -1).join(', ')} or ${forms.at(-1)}`
}

/** What `ready` accepts, in a message. */
export const EXPECTED_READINESS: string = formsOf(KINDS)
/** What `ready` accepts for a child without an address. */
export const WITHOUT_ADDRESS: string = formsOf(KINDS.filter((kind) => !READINESS[kind].needsAddress))

/** Returns the kind of a validated `ready`. */
export function readinessKind(ready: Ready): ReadyKind {
  if (typeof ready === 'function') return 'function'
  return typeof ready === 'string' ? ready : (Object.keys(ready)[0] as ReadyKind)
}

/** Default of `ready`. */
export const defaultReadiness = (listen: ChildSettings['listen']): Ready =>
  listen === null ? 'spawn' : 'listen'

/** Parses `ready`: a word, an object with exactly one known key, or a function. */
export const readiness: Parser<Ready> = (value) => {
  if (typeof value === 'function' || READY_WORDS.includes(value as string)) return value as Ready
  const member = onlyMember(value)
  if (!member) return INVALID
  const parsed = READY_VALUES.get(member.key)?.parse(member.read()) ?? INVALID
  return parsed === INVALID ? INVALID : (Object.freeze({ [member.key]: parsed }) as Ready)
}

/** Converts `ready` as a configuration file writes it to the form that the library takes. */
export function readinessFromText(written: unknown): unknown {
  const member = onlyMember(written)
  if (!member) return written
  return { [member.key]: READY_VALUES.get(member.key)?.text.convert(String(member.read())) }
}

/** Explains what is wrong with an object that was given as `ready`. */
export const explainReadiness: Explain = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const member = onlyMember(value)
  if (!member) return `it has ${Object.keys(value).length === 0 ? 'none of these keys' : 'more than one key'}`
  return READY_VALUES.get(member.key)?.explain(member.read()) ?? `it has ${show(member.key)}`
}

/** Returns the only key of an object and a function that reads its value: getters of callers are called once. */
function onlyMember(value: unknown): { key: string; read: () => unknown } | null {
  if (typeof value !== 'object' || value === null) return null
  const [key, ...others] = Object.keys(value)
  if (key === undefined || others.length > 0) return null
  return { key, read: () => (value as Record<string, unknown>)[key] }
}
