const FIRST_LOOK_MS = 1
const LONGEST_LOOK_MS = 50
/** What survives the kill is looked at ever more rarely: a look reads all of /proc. */
const RARE_LOOK_MS = 2_000
const LOOKS_UNTIL_RARE = 200

/** Milliseconds between one look at processes that are to end and the next, for as long as it takes. */
export function* looks(): Generator<number, never> {
  let wait = FIRST_LOOK_MS
  for (let look = 1; ; look++) {
    yield wait
    wait = look < LOOKS_UNTIL_RARE ? Math.min(wait * 2, LONGEST_LOOK_MS) : RARE_LOOK_MS
  }
}
