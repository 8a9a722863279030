/** Milliseconds between SIGTERM and SIGKILL for the processes of a host that is gone. */
export const ORPHAN_GRACE_MS = 200

/** A process that was forked, but did not exec its program yet, carries the cookie only a moment later. */
const NEXT_LOOK_MS = 100

const seconds = (ms: number): number => ms / 1_000

/**
 * The program of the watchdog. Its stdin is a pipe whose other end the host holds, so the death of the host, of whatever
 * kind, is the end of the file. Then the script ends all groups, and on Linux every other process that carries the
 * cookie or lives in the cgroup. `$0` is the cookie's variable and value; each argument, and each line of stdin, is one
 * order: `+PGID`, `-PGID`, `dFOLDER` (sockets), `cFOLDER` (cgroup) or `q`.
 *
 * The script works in dash, bash and busybox: of the forms of `kill` only `kill -TERM -PGID` works in all three
 * (docs/hazards.md#e21).
 */
export const WATCHDOG_SCRIPT: string = `
trap '' TERM INT HUP QUIT PIPE
groups=' '
folder=
cgroup=
obey() {
  value=\${1#?}
  case $1 in
    +*) case $groups in *" $value "*) ;; *) groups="$groups$value " ;; esac ;;
    -*) case $groups in *" $value "*) groups="\${groups%% "$value" *} \${groups#* "$value" }" ;; esac ;;
    d*) folder=$value ;;
    c*) cgroup=$value ;;
    q) exit 0 ;;
  esac
}
for order do obey "$order"; done
while IFS= read -r order; do obey "$order"; done
# In a pid namespace that /proc does not belong to, the pids of /proc are not those that signals take.
read -r self rest < /proc/self/stat
with_cookie() { [ "$self" != "$$" ] || grep -lsF "\${0#*=}." /proc/[0-9]*/environ; }
# A stopped process handles its signal only after it continues.
send() { kill -"$1" -"$2"; [ "$1" = KILL ] || kill -CONT -"$2"; }
signal_all() {
  signalled=$groups
  found=
  for group in $groups; do send "$1" "$group"; done
  for file in $(with_cookie); do
    found=yes
    read -r stat < "\${file%/environ}/stat" || continue
    # After the name, stat consists of words; the third one is the group, and becomes $4 here.
    # shellcheck disable=SC2086
    set -- "$1" \${stat##*) }
    case $signalled in *" $4 "*) continue ;; esac
    signalled="$signalled$4 "
    send "$1" "$4"
  done
}
signal_cgroup() {
  while read -r pid; do [ "$pid" -gt 1 ] && kill -"$2" "$pid"; done < "$1/cgroup.procs"
  for inner in "$1"/*/; do [ -d "$inner" ] && signal_cgroup "\${inner%/}" "$2"; done
}
# Linux before 5.14 has no cgroup.kill; there a process may fork during a look.
kill_cgroup() {
  echo 1 > "$1/cgroup.kill" && return
  for look in 1 2 3 4 5; do signal_cgroup "$1" KILL; done
}
remove_cgroup() {
  for inner in "$1"/*/; do [ -d "$inner" ] && remove_cgroup "\${inner%/}"; done
  rmdir "$1"
}
sleep ${seconds(ORPHAN_GRACE_MS)} &
signal_all TERM
if [ -d "$cgroup" ]; then signal_cgroup "$cgroup" TERM; signal_cgroup "$cgroup" CONT; fi
wait
for look in 1 2 3 4 5 6 7 8 9 10; do
  signal_all KILL
  [ "$look" -eq 1 ] || [ -n "$found" ] || break
  sleep ${seconds(NEXT_LOOK_MS)}
done
for look in 1 2 3 4 5 6 7 8 9 10; do
  [ -d "$cgroup" ] || break
  kill_cgroup "$cgroup"
  remove_cgroup "$cgroup" || sleep ${seconds(NEXT_LOOK_MS)}
done
[ -z "$folder" ] || { rm -f "$folder"/*.sock; rmdir "$folder"; }
`
