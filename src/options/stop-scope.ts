import path from 'node:path'

/**
 * Shells and package managers that run the real program as their child and do not pass a signal on. They get
 * their stop signal as a group; any other program gets it alone, since one that does pass it on would deliver
 * it twice (docs/hazards.md#h6).
 */
const WRAPPERS = new Set(
  'sh bash dash ash zsh ksh fish busybox cmd npm npx pnpm pnpx yarn yarnpkg bun bunx corepack'.split(' '),
)

/** Who gets the stop signal of `command` unless its options say otherwise. */
export function defaultStopScope(command: string): 'group' | 'leader' {
  const program = path.basename(command).replace(/\.(exe|cmd|bat|ps1|js|cjs|mjs)$/i, '')
  return WRAPPERS.has(program.toLowerCase()) ? 'group' : 'leader'
}
