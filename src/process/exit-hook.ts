const undone = new Set<() => void>()

const undoAll = (): void => {
  for (const undo of undone) undo()
}

/**
 * Has something undone when the host ends, as long as it runs its `exit` handlers. One handler serves all
 * spinners, and none is left when nothing is. `undo` must not throw. Returns what takes it back.
 */
export function atExit(undo: () => void): () => void {
  if (undone.size === 0) process.on('exit', undoAll)
  undone.add(undo)
  return () => {
    if (undone.delete(undo) && undone.size === 0) process.off('exit', undoAll)
  }
}
