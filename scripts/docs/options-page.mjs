// Generates docs/options.md from the code: every option with its values, its default and its meaning.

/** Links to further reading, by option. */
const MORE = {
  restartOrder: "`'start-first'` requires a socket: see [pools](pools.md#without-a-gap).",
}

const INTRO = `<!-- Made by \`npm run docs\` from src/options/table.ts and src/types/options.ts. Do not edit. -->

# Options

spinner reads options once, during the call, and never changes the object that you pass. A wrong value or an unknown
option throws an \`ERR_SPINNER_INVALID_OPTION\`. One error lists all problems.

Durations are seconds. Fractions such as \`0.25\` and strings such as \`'500ms'\`, \`'30s'\`, \`'5m'\`, \`'2h'\` and \`'1d'\` are
allowed. \`0\`, \`null\` and an absent option mean different things: \`null\` switches an option off if the table says so, and an absent
option has its default.

If a later \`start()\` for the same name passes other options, they replace the earlier ones at the next spawn.
`

const CHILD = `## Options of a child

Pass these options to \`start()\` or \`acquire()\`. All except \`name\`, \`script\` and \`args\` can also be passed to \`createSpinner()\`, as
defaults for all children.
`

const OWN = `## Options of the spinner

Pass these options to \`createSpinner()\` only.
`

const CALL = `## Options of one call

\`start\`, \`stop\`, \`restart\` and \`acquire\` accept a \`signal\`, an \`AbortSignal\`. When it is aborted, this one call rejects with
the signal's reason. The child is not affected.
`

/** Returns the members of an interface with their doc comments, in order. */
export function membersOf(source, name) {
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{\\n(.*?)\\n\\}`, 's').exec(source)?.[1] ?? ''
  const member = / {2}(?:\/\*\*((?:(?!\*\/).)*)\*\/\s*)?(\w+)\??: ([^\n]*)/gs
  return [...body.matchAll(member)].map(([, comment = '', key, type]) => {
    const text = comment.replace(/\s*\n\s*\* ?/g, ' ').trim()
    const [meaning, fallback] = text.split('@default').map((part) => part.trim())
    return { key, type, meaning, fallback }
  })
}

const literal = (value) => {
  if (typeof value === 'string') return `'${value}'`
  return value === null || typeof value !== 'object' ? String(value) : Array.isArray(value) ? '[]' : '{}'
}

/** Returns the default from the doc comment; throws if it contradicts the default in the code. */
function defaultOf({ key, fallback }, spec) {
  const hasOwn = Object.hasOwn(spec, 'default')
  const isPlain = ['number', 'string', 'boolean'].includes(typeof spec.default) && key !== 'command'
  // A default that the option does not accept, such as null for a path, means "absent".
  const isAccepted = hasOwn && typeof spec.parse(spec.default) !== 'symbol'
  if (fallback === undefined) return isAccepted ? `\`${literal(spec.default)}\`` : ''
  if (isPlain && !fallback.includes(literal(spec.default)))
    throw new Error(
      `src/types/options.ts says that \`${key}\` is ${fallback} by default, but it is ${spec.default}`,
    )
  return /^['\w.-]+$/.test(fallback) ? `\`${fallback}\`` : fallback
}

const cell = (text) => text.replaceAll('|', '\\|')

function table(specs, members) {
  const undocumented = Object.keys(specs).filter((key) => !members.some((member) => member.key === key))
  if (undocumented.length > 0) throw new Error(`not in src/types/options.ts: ${undocumented.join(', ')}`)
  const lines = members.map((member) => {
    const spec = specs[member.key]
    if (!spec) throw new Error(`\`${member.key}\` is not in src/options/table.ts`)
    if (!member.meaning) throw new Error(`\`${member.key}\` has no doc comment in src/types/options.ts`)
    const meaning = [member.meaning, MORE[member.key]].filter(Boolean).join(' ')
    return `| \`${member.key}\` | ${cell(spec.expected)} | ${cell(defaultOf(member, spec))} | ${cell(meaning)} |`
  })
  return `| option | takes | default | meaning |\n|---|---|---|---|\n${lines.join('\n')}\n`
}

export function optionsPage(childOptions, ownOptions, source) {
  const ofChild = table(childOptions, membersOf(source, 'ChildOptions'))
  const ofSpinner = table(ownOptions, membersOf(source, 'SpinnerOptions'))
  return [INTRO, CHILD, ofChild, OWN, ofSpinner, CALL].join('\n')
}
