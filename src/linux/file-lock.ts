import { codeOf } from '../errors.ts'

/** Each attempt but the last one failed because another process made progress. */
const MOST_ATTEMPTS = 100
/** Another process has the name already, or removed the file that was to get it. */
const LOST = new Set(['EEXIST', 'ENOENT'])

/** A file under a name that nobody reads, complete, and about to get the name of the lock. */
export interface LockCandidate {
  readonly path: string
}

/** The file that has a name at one moment. */
export interface LockHolder {
  /** Never the same for two different files under one name. */
  readonly key: string
  /** Time of the last sign of life, for locks that give one. */
  readonly touched?: number
}

/**
 * The calls that a lock needs, for one kind of lock file. All methods of an object return values, or all may return
 * promises.
 */
export interface LockFiles<Candidate extends LockCandidate, Holder extends LockHolder> {
  /** Writes a file that identifies this process. */
  write(): Candidate | Promise<Candidate>
  /** Closes a candidate that did not become the lock, or whose lock is only needed for a moment. */
  close(candidate: Candidate): void
  link(from: string, to: string): void | Promise<void>
  /** Removes a file. Must not throw. */
  remove(file: string): void | Promise<void>
  /** Returns null if the name is free. */
  look(name: string): Holder | null | Promise<Holder | null>
  /** Throws if the process that wrote the file is alive. */
  mustBeDead(name: string, holder: Holder): void | Promise<void>
  /** Frees the name of a file whose process is dead. */
  clear(name: string, holder: Holder): void | Promise<void>
  /** The name of the lock that protects the removal of this very file. No later file shares it. */
  nameOfRemoval(holder: Holder): string
}

/** One call of the protocol. Its runner makes the call at once, or awaits it. */
type Call = () => unknown
type Calls<Result> = Generator<Call, Result, unknown>

function* call<Value>(run: () => Value | Promise<Value>): Calls<Value> {
  return (yield run) as Value
}

/**
 * Gives a name to a file of this process, and to no other process at the same time. `link` gives a name to one file
 * only, and the file is complete from the first moment. A file of a dead process is in the way; only the holder of the
 * lock of that very file removes it, after another look. A lock of a dead process is removed in the same way. Throws if a
 * living process has the name, or gets it.
 */
function* take<Candidate extends LockCandidate, Holder extends LockHolder>(
  files: LockFiles<Candidate, Holder>,
  name: string,
): Calls<Candidate> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const candidate = yield* link(files, name)
    if (candidate) return candidate
    const holder = yield* call(() => files.look(name))
    if (holder) yield* removeDead(files, name, holder)
  }
  throw new Error(`other processes keep changing '${name}'`)
}

/** Returns null if another process was first. */
function* link<Candidate extends LockCandidate, Holder extends LockHolder>(
  files: LockFiles<Candidate, Holder>,
  name: string,
): Calls<Candidate | null> {
  const candidate = yield* call(() => files.write())
  try {
    yield* call(() => files.link(candidate.path, name))
    return candidate
  } catch (thrown) {
    files.close(candidate)
    if (!LOST.has(codeOf(thrown) ?? '')) throw thrown
    return null
  } finally {
    yield* call(() => files.remove(candidate.path))
  }
}

/** Frees a name of the file of a dead process. Returns without doing so if another process is about to do it. */
function* removeDead<Candidate extends LockCandidate, Holder extends LockHolder>(
  files: LockFiles<Candidate, Holder>,
  name: string,
  holder: Holder,
): Calls<void> {
  yield* call(() => files.mustBeDead(name, holder))
  const removal = files.nameOfRemoval(holder)
  const candidate = yield* link(files, removal)
  if (candidate === null) {
    const other = yield* call(() => files.look(removal))
    if (other) yield* removeDead(files, removal, other)
    return
  }
  files.close(candidate)
  try {
    const now = yield* call(() => files.look(name))
    const isSame = now?.key === holder.key && now.touched === holder.touched
    if (isSame) yield* call(() => files.clear(name, holder))
  } finally {
    yield* call(() => files.remove(removal))
  }
}

/** Takes a lock with methods that return promises. Resolves to the file that now has the name. */
export async function takeFileLock<Candidate extends LockCandidate, Holder extends LockHolder>(
  files: LockFiles<Candidate, Holder>,
  name: string,
): Promise<Candidate> {
  const calls = take(files, name)
  let next = calls.next()
  while (!next.done) {
    const run = next.value
    const made = await (async () => run())().then(
      (value) => ({ value }),
      (thrown) => ({ thrown }),
    )
    next = 'thrown' in made ? calls.throw(made.thrown) : calls.next(made.value)
  }
  return next.value
}

/** Takes a lock with methods that return values. Returns the file that now has the name. */
export function takeFileLockSync<Candidate extends LockCandidate, Holder extends LockHolder>(
  files: LockFiles<Candidate, Holder>,
  name: string,
): Candidate {
  const calls = take(files, name)
  let next = calls.next()
  while (!next.done) next = resumed(calls, next.value)
  return next.value
}

function resumed<Result>(calls: Calls<Result>, run: Call): IteratorResult<Call, Result> {
  let value: unknown
  try {
    value = run()
  } catch (thrown) {
    return calls.throw(thrown)
  }
  return calls.next(value)
}
