export function importPhantomManager(_given: unknown): number {
  return 1
}
