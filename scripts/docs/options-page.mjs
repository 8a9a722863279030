// Generates docs/options.md from the code: every option with its values, its default and its meaning.

/** Links to further reading, by option. */
const MORE = {
  restartOrder: "`'start-first'` requires a socket: see [pools](pools.md#without-a-gap).",
}

const INTRO = `<!-- Made by \`npm run docs\` from src/options/normalise.ts and src/types/options.ts. Do not edit. -->

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
function defaultOf({ key, fallback }, row) {
  const hasOwn = row !== undefined && Object.hasOwn(row, 'default')
  const isPlain = hasOwn && ['number', 'string', 'boolean'].includes(typeof row.default) && key !== 'command'
  if (fallback === undefined) return hasOwn ? `\`${literal(row.default)}\`` : ''
  if (isPlain && !fallback.includes(literal(row.default)))
    throw new Error(
      `src/types/options.ts says that \`${key}\` is ${fallback} by default, but it is ${row.default}`,
    )
  return /^['\w.-]+$/.test(fallback) ? `\`${fallback}\`` : fallback
}

const cell = (text) => text.replaceAll('|', '\\|')

function table(members, rowOf) {
  const lines = members.map((member) => {
    const row = rowOf(member.key)
    if (!member.meaning) throw new Error(`\`${member.key}\` has no doc comment in src/types/options.ts`)
    const meaning = [member.meaning, MORE[member.key]].filter(Boolean).join(' ')
    const takes = row?.takes ?? `\`${member.type}\``
    return `| \`${member.key}\` | ${cell(takes)} | ${cell(defaultOf(member, row))} | ${cell(meaning)} |`
  })
  return `| option | takes | default | meaning |\n|---|---|---|---|\n${lines.join('\n')}\n`
}

export function optionsPage(rows, source) {
  const members = membersOf(source, 'ChildOptions')
  const undocumented = Object.keys(rows).filter((key) => !members.some((member) => member.key === key))
  if (undocumented.length > 0) throw new Error(`not in src/types/options.ts: ${undocumented.join(', ')}`)
  const own = membersOf(source, 'SpinnerOptions')
  const ofChild = table(members, (key) => rows[key])
  const ofSpinner = table(own, () => undefined)
  return [INTRO, CHILD, ofChild, OWN, ofSpinner, CALL].join('\n')
}
