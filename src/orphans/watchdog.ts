import type { ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'
import { COOKIE, type Cookies } from '../linux/cookie.ts'
import { seesProcesses } from '../linux/processes.ts'
import type { Sys } from '../sys.ts'

/** Between the polite signal and the kill, when the host is gone and nobody can be asked for more. */
const GRACE_S = 0.2
/** A process that was forked but had not begun its program yet carries the mark only a moment later. */
const NEXT_LOOK_S = 0.1
/** One that does not live longer is not brought back at once: a host would do nothing else. */
const REPLACED_AFTER_MS = 100
/** Each line wakes the shell, and with many children that is the dearest part of a start: lines go out together. */
const TOLD_TOGETHER_MS = 10

/**
 * Holds the reading end of a pipe whose other end the host holds. The host's death, of whatever kind, is the
 * end of the file; then all groups are ended, and on Linux whatever else carries the cookie or lives in the
 * cgroup. Works in dash, bash and busybox: of the forms of `kill` only `kill -TERM -PGID` does in all three
 * (docs/hazards.md#e21).
 */
const SCRIPT = `
trap '' TERM INT HUP QUIT PIPE
groups=' '
folder=
cgroup=
learn() {
  case $1 in
    +*) case $groups in *" \${1#+} "*) ;; *) groups="$groups\${1#+} " ;; esac ;;
    -*) case $groups in *" \${1#-} "*) groups="\${groups%% \${1#-} *} \${groups#* \${1#-} }" ;; esac ;;
    d*) folder=\${1#d} ;;
    c*) cgroup=\${1#c} ;;
    q) exit 0 ;;
  esac
}
for line do learn "$line"; done
while IFS= read -r line; do learn "$line"; done
# Where /proc is that of another pid namespace, its numbers are not those that signals take.
read -r self rest < /proc/self/stat
bearers() { [ "$self" != "$$" ] || grep -lsF "\${0#*=}." /proc/[0-9]*/environ; }
# A stopped process takes its signal only once it goes on.
send() { kill -"$1" -"$2"; [ "$1" = KILL ] || kill -CONT -"$2"; }
signal() {
  told=$groups
  found=
  for group in $groups; do send "$1" "$group"; done
  for file in $(bearers); do
    found=yes
    read -r stat < "\${file%/environ}/stat" || continue
    set -- "$1" \${stat##*) }
    case $told in *" $4 "*) continue ;; esac
    told="$told$4 "
    send "$1" "$4"
  done
}
members() {
  while read -r pid; do [ "$pid" -gt 1 ] && kill -"$2" "$pid"; done < "$1/cgroup.procs"
  for inner in "$1"/*/; do [ -d "$inner" ] && members "\${inner%/}" "$2"; done
}
killed() {
  echo 1 > "$1/cgroup.kill" && return
  for look in 1 2 3 4 5; do members "$1" KILL; done
}
removed() {
  for inner in "$1"/*/; do [ -d "$inner" ] && removed "\${inner%/}"; done
  rmdir "$1"
}
sleep ${GRACE_S} &
signal TERM
if [ -d "$cgroup" ]; then members "$cgroup" TERM; members "$cgroup" CONT; fi
wait
for look in 1 2 3 4 5 6 7 8 9 10; do
  signal KILL
  [ "$look" -eq 1 ] || [ -n "$found" ] || break
  sleep ${NEXT_LOOK_S}
done
for look in 1 2 3 4 5 6 7 8 9 10; do
  [ -d "$cgroup" ] || break
  killed "$cgroup"
  removed "$cgroup" || sleep 0.1
done
[ -z "$folder" ] || { rm -f "$folder"/*.sock; rmdir "$folder"; }
`

/**
 * One small shell for each spinner, started before its first child and gone with its close. It ends the children of
 * a host that could not do it itself: one that got SIGKILL, crashed, or was ended by a signal it does not handle.
 */
export class Watchdog {
  readonly #sys: Sys
  readonly #marks: Cookies
  readonly #groups = new Set<number>()
  /** The folders that go with the host, by the letter that tells the shell what each is. */
  readonly #folders = new Map<'c' | 'd', string>()
  #untold: string[] = []
  #isCollecting = false
  #shell: ChildProcess | null = null
  #wokenAt = 0
  #closed = false

  constructor(sys: Sys, marks: Cookies) {
    this.#sys = sys
    this.#marks = marks
  }

  /** The folder of the sockets, when it was made for this host: it goes with the host. */
  keepTidy(folder: string): void {
    this.#keep('d', folder)
  }

  /** The folder of the cgroups: what lives there goes with the host too. */
  keepEmpty(folder: string): void {
    this.#keep('c', folder)
  }

  /** Before a child is spawned: from now on the host may die at any moment. */
  wake(): void {
    if (this.#shell || this.#closed || this.#sys.platform === 'win32') return
    try {
      this.#shell = this.#spawn()
      this.#wokenAt = this.#sys.clock.now()
    } catch {
      // Out of processes or descriptors: the next start tries again, and fails with a clear error of its own.
      return
    }
  }

  /** A group of ours lives. Returns what says that it is gone. */
  guard(group: number): () => void {
    this.#groups.add(group)
    if (this.#shell) this.#tellSoon(`+${group}`)
    else this.wake()
    return () => {
      if (this.#groups.delete(group)) this.#tellSoon(`-${group}`)
    }
  }

  /** What the shell reads, for a launcher that tells it of its own group. */
  get pipe(): Writable | null {
    const stdin = this.#shell?.stdin
    return stdin?.writable ? stdin : null
  }

  close(): void {
    this.#closed = true
    this.#tell(...(this.#groups.size === 0 ? ['q'] : []))
    this.#shell?.stdin?.end()
    this.#shell = null
  }

  #keep(letter: 'c' | 'd', folder: string): void {
    if (folder === this.#folders.get(letter) || folder.includes('\n')) return
    this.#folders.set(letter, folder)
    this.#tell(`${letter}${folder}`)
  }

  #spawn(): ChildProcess {
    // What it needs is there even if the host's own PATH is empty.
    const PATH = [this.#sys.env['PATH'] ?? '', '/usr/bin', '/bin'].filter((part) => part !== '').join(':')
    const env = { PATH, ...this.#marks.watchdog }
    // What it must know from its first moment on: the host may not live to write it.
    const folders = [...this.#folders].map(([letter, folder]) => `${letter}${folder}`)
    const groups = [...this.#groups].map((group) => `+${group}`)
    // A session of its own, so that what the terminal sends to the host does not reach it.
    const cookie = `${COOKIE}=${this.#marks.uuid}`
    const shell = this.#sys.spawn('/bin/sh', ['-c', SCRIPT, cookie, ...folders, ...groups], {
      detached: true,
      env,
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const onEnd = (): void => this.#onEnd(shell)
    shell.once('error', onEnd)
    shell.once('exit', onEnd)
    shell.stdin?.on('error', () => {})
    shell.unref()
    ;(shell.stdin as { unref?: () => void } | null)?.unref?.()
    return shell
  }

  /** Somebody killed it: another takes its place and learns of all groups. */
  #onEnd(shell: ChildProcess): void {
    if (this.#shell !== shell) return
    this.#shell = null
    if (shell.pid === undefined) return
    const lived = this.#sys.clock.now() - this.#wokenAt
    const rest = lived < REPLACED_AFTER_MS ? this.#sys.pause(REPLACED_AFTER_MS) : Promise.resolve()
    void rest.then(() => {
      if (this.#groups.size > 0) this.wake()
    })
  }

  /** The first at once, since the loop may stand still from now on; until the others are told their marks tell. */
  #tellSoon(line: string): void {
    this.#untold.push(line)
    if (!seesProcesses(this.#sys)) this.#tell()
    else if (!this.#isCollecting) void this.#tellTogether()
  }

  async #tellTogether(): Promise<void> {
    this.#isCollecting = true
    while (this.#untold.length > 0) {
      this.#tell()
      await this.#sys.pause(TOLD_TOGETHER_MS)
    }
    this.#isCollecting = false
  }

  #tell(...lines: string[]): void {
    const told = [...this.#untold, ...lines]
    this.#untold = []
    const stdin = this.#shell?.stdin
    if (told.length > 0 && stdin?.writable) stdin.write(`${told.join('\n')}\n`)
  }
}
