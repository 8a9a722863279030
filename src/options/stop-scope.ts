import path from 'node:path'

/**
 * Shells and package managers that run the real program as their child and do not forward signals: their whole process group
 * gets the stop signal. Of all other programs only the leader gets it, because a program that forwards the signal would
 * deliver it twice (docs/hazards.md#h6).
 */
const WRAPPERS = new Set(
  'sh bash dash ash zsh ksh fish busybox cmd npm npx pnpm pnpx yarn yarnpkg bun bunx corepack'.split(' '),
)

/** Returns the default of `stopScope` for a command. */
export function defaultStopScope(command: string): 'group' | 'leader' {
  const program = path.basename(command).replace(/\.(exe|cmd|bat|ps1|js|cjs|mjs)$/i, '')
  return WRAPPERS.has(program.toLowerCase()) ? 'group' : 'leader'
}
