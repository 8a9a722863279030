// docs/options.md: every option with what it takes, its default and its meaning, from the code itself.

/** Where there is more to read. */
const MORE = {
  restartOrder: "`'start-first'` needs a socket: see [pools](pools.md#without-a-gap).",
}

const INTRO = `<!-- Made by \`npm run docs\` from src/options/normalise.ts and src/types/options.ts. Do not edit. -->

# Options

Options are read once, when they are given, and the object is never changed. A wrong value, or a name that is not
an option, is an \`ERR_SPINNER_INVALID_OPTION\`; one error names all that is wrong.

Durations are seconds, and fractions are fine: \`0.25\`. Texts such as \`'500ms'\`, \`'30s'\`, \`'5m'\`, \`'2h'\` and \`'1d'\` work
too. \`0\`, \`null\` and absence are three things: \`null\` switches off where the table says so, and absence means the
default.

Options that a later \`start()\` of the same name gives replace the earlier ones at its next spawn.
`

const CHILD = `## Of a child

Given to \`start()\` or \`acquire()\`. All but \`name\`, \`script\` and \`args\` may be given to \`createSpinner()\` as defaults.
`

const OWN = `## Of the spinner

Given to \`createSpinner()\` only.
`

const CALL = `## Of one call

\`start\`, \`stop\`, \`restart\` and \`acquire\` take a \`signal\`, an \`AbortSignal\`. It ends the wait of that one caller, with the
signal's reason. The child goes on.
`

/** The members of an interface with their doc comments, in order. */
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

/** The default as the doc comment says it, which must not contradict the one in force. */
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
