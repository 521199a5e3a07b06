# shellcheck shell=bash
# conversation.bash: what conversations with the program have in common; sourced by them.
#
# A conversation starts servers and clients, tells them something and waits for what they say. Nothing sleeps: each hear
# blocks until the line is there, 10 seconds at most, and then fails the conversation. All that was started is ended, by
# its process id, when the script ends.
set -euo pipefail
export LC_ALL=C.UTF-8

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${COIR_BUILD:-build}
[ "${build#/}" != "$build" ] || build=$here/$build
coir=${COIR:-$build/coir}
work=$(mktemp -d)
started=()
declare -A reading writing pid_of # by name: descriptors and processes
patience=10

clean_up() {
    local pid
    for pid in "${started[@]}"; do
        { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    printf 'FAILED: %s (line %s)\n' "$*" "${BASH_LINENO[-2]}" >&2
    for log in "$work"/*.err; do
        [ ! -s "$log" ] || sed "s,^,    ${log##*/}: ," "$log" >&2
    done
    exit 1
}

pass() { printf 'ok: %s\n' "$*"; }

# open_pipe NAME: a pipe by name that both ends can open in any order.
open_pipe() {
    rm -f "$work/$1"
    mkfifo "$work/$1"
}

# run_alone COMMAND...: becomes it, without the descriptors of the others: else no pipe would ever end.
run_alone() {
    local fd
    for fd in "${reading[@]}" "${writing[@]}"; do
        exec {fd}>&-
    done
    exec "$@"
}

# start NAME COMMAND...: runs it; tell NAME and hear NAME are its standard input and output, $work/NAME.err its errors.
start() {
    local name=$1 in out
    shift
    open_pipe "$name.in"
    open_pipe "$name.out"
    run_alone "$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" &
    pid_of[$name]=$!
    started+=("$!")
    exec {in}>"$work/$name.in" {out}<"$work/$name.out"
    writing[$name]=$in
    reading[$name]=$out
}

# start_with_input NAME FILE COMMAND...: the same, its standard input being FILE ("closed": none at all).
start_with_input() {
    local name=$1 file=$2 out
    shift 2
    open_pipe "$name.out"
    if [ "$file" = closed ]; then
        run_alone "$@" <&- >"$work/$name.out" 2>"$work/$name.err" &
    else
        run_alone "$@" <"$file" >"$work/$name.out" 2>"$work/$name.err" &
    fi
    pid_of[$name]=$!
    started+=("$!")
    exec {out}<"$work/$name.out"
    reading[$name]=$out
}

tell() { printf '%s\n' "$2" >&"${writing[$1]}"; }
# shellcheck disable=SC2059 # the text has printf's escapes
tell_bytes() { printf "$2" >&"${writing[$1]}"; }

# say_no_more NAME: the end of its standard input.
say_no_more() {
    local in=${writing[$1]}
    exec {in}>&-
    unset "writing[$1]"
}

# hear NAME LINE: the next line is this. hear_like NAME PATTERN: it fits; it is left in $heard.
hear() {
    local line=
    IFS= read -r -t "$patience" -u "${reading[$1]}" line || fail "$1 should hear: $2; it heard nothing more, but: $line"
    [ "$line" = "$2" ] || fail "$1 should hear: $2; it heard: $line"
}

hear_like() {
    heard=
    IFS= read -r -t "$patience" -u "${reading[$1]}" heard ||
        fail "$1 should hear: $2; it heard nothing more, but: $heard"
    # shellcheck disable=SC2053 # a pattern
    [[ $heard == $2 ]] || fail "$1 should hear: $2; it heard: $heard"
}

# hear_question NAME: "name? ", which no line feed follows.
hear_question() {
    local bytes=
    IFS= read -r -t "$patience" -N 6 -u "${reading[$1]}" bytes || fail "$1 should be asked for a name; it heard: $bytes"
    [ "$bytes" = 'name? ' ] || fail "$1 should be asked for a name; it heard: $bytes"
}

hear_end() {
    local line='' code=0
    IFS= read -r -t "$patience" -u "${reading[$1]}" line 2>/dev/null || code=$? # a reset is an end, too
    [ "$code" -ne 0 ] || fail "$1 should hear the end; it heard: $line"
    [ "$code" -le 128 ] || fail "$1 should hear the end; it goes on"
}

# ends NAME CODE: it ends by itself with this exit code. (What it still writes is read first, so that it can.)
ends() {
    local code=0
    while [ "$code" -eq 0 ]; do
        IFS= read -r -t "$patience" -u "${reading[$1]}" _ || code=$?
    done
    [ "$code" -le 128 ] || fail "$1 should end; it goes on"
    code=0
    { wait "${pid_of[$1]}" || code=$?; } 2>/dev/null # of a crash bash would tell
    [ "$code" -eq "$2" ] || fail "$1 should end with exit code $2, not $code"
}

# refused CODE PATTERN COMMAND...: it ends at once with this code, and its first line on standard error is like this.
refused() {
    local code=0 expected=$1 pattern=$2 said
    shift 2
    said=$("$@" 2>&1 >/dev/null </dev/null) || code=$?
    [ "$code" -eq "$expected" ] || fail "$*: exit code $code, not $expected: $said"
    # shellcheck disable=SC2053 # a pattern
    [[ ${said%%$'\n'*} == $pattern ]] || fail "$* should say: $pattern; it said: $said"
}

# kill_hard NAME: as if its machine had lost power.
kill_hard() {
    { kill -KILL "${pid_of[$1]}" && wait "${pid_of[$1]}"; } 2>/dev/null || true
}

# A pipe that never speaks: reading it with a time limit is the pause between two looks at something.
open_pipe silence
exec {silence}<>"$work/silence"

# await WHAT COMMAND...: until it succeeds.
await() {
    local what=$1 give_up=$(($(now) + patience * 1000))
    shift
    until "$@"; do
        [ "$(now)" -lt "$give_up" ] || fail "not in $patience s: $what"
        read -r -t 0.02 -u "$silence" _ || true
    done
}

# logs NAME PATTERN: its standard error has a line like this.
logs() { grep -q "$2" "$work/$1.err"; }

# hear_end_by_nc NAME: nc ends when both sides have.
hear_end_by_nc() {
    say_no_more "$1"
    hear_end "$1"
}

# hub_lines NAME: a hub says where it listens; sets chat and web, its ports. start_hub NAME ARGS...: starts one on free
# ports and hears that.
hub_lines() {
    hear_like "$1" 'chat  tcp://127.0.0.1:*   try: nc 127.0.0.1 *'
    chat=${heard##* }
    hear_like "$1" 'web   http://127.0.0.1:*/   open it in a browser'
    web=${heard#*127.0.0.1:}
    web=${web%%/*}
    hear_like "$1" 'coir hub 0.1: * backend, * worker*'
}

start_hub() {
    local name=$1
    shift
    start "$name" "$coir" hub --chat 127.0.0.1:0 --web 127.0.0.1:0 "$@"
    hub_lines "$name"
}

# come NAME: a real client comes in under its name, and hears the welcome, which is left in $heard.
come() {
    start "$1" nc 127.0.0.1 "$chat"
    hear_question "$1"
    tell "$1" "$1"
    hear_like "$1" "[*] welcome, $1; *"
}

# now: milliseconds.
now() {
    local time=$EPOCHREALTIME
    printf '%s' $((${time%[.,]*} * 1000 + 10#${time#*[.,]} / 1000))
}
