#!/usr/bin/env bash
# serve_models.sh: the same conversations with the same services under every server model. Where models differ, docs/models.md
# says how: its table is read here, and each of its cells is tried.
# needs: netcat-openbsd
. "$(dirname "$0")/conversation.bash"

ulimit -c 0 # of processes that are made to crash here
head -c 102400 /dev/urandom >"$work/large"

# ---- Clients ----

# call NAME: a client of bash's own comes in.
call() {
    local fd
    exec {fd}<>"/dev/tcp/127.0.0.1/$port" || fail "$1 is refused"
    reading[$1]=$fd
    writing[$1]=$fd
}

# hang_up NAME: closes what there is of a client's or a server's descriptors.
hang_up() {
    local out=${reading[$1]} in=${writing[$1]}
    exec {out}<&-
    [ "$in" = "$out" ] || exec {in}>&-
    unset "reading[$1]" "writing[$1]"
}

says_something() { read -r -t 0 -u "${reading[$1]}"; } # or its end has come

# ask NAME LINE: an echo.
ask() {
    tell "$1" "$2"
    hear "$1" "$2"
}

visit() {
    call "$1"
    ask "$1" "$1 was here"
    hang_up "$1"
}

# ---- Servers ----

# try_to_listen NAME SERVICE ARGS...: one on a free port, which is left in $port; 1: it does not begin, $heard says why not.
try_to_listen() {
    local name=$1 service=$2
    shift 2
    start "$name" "$coir" serve "$service" --model "$model" "$@"
    if ! IFS= read -r -t "$patience" -u "${reading[$name]}" heard; then
        ! wait "${pid_of[$name]}" || fail "$name should say where it listens"
        heard=$(tail -n 1 "$work/$name.err")
        return 1
    fi
    [[ $heard == "$service  "*"://127.0.0.1:"*"   try: nc "*"127.0.0.1 "* ]] || fail "$name says: $heard"
    port=${heard##* }
    hear_like "$name" "coir serve 0.1: model $model*"
}

listen() { try_to_listen "$@" || fail "$model: $heard"; }

# end NAME: it is told to, and does.
end() {
    kill -TERM "${pid_of[$1]}"
    ends "$1" 0
    hang_up "$1"
}

# workers_of NAME: the processes it has, in $workers.
workers_of() { read -r -a workers <"/proc/${pid_of[$1]}/task/${pid_of[$1]}/children" || true; }
has_workers() { workers_of "$1" && [ ${#workers[@]} -eq "$2" ]; } # has_workers NAME COUNT
all_gone() { ! kill -0 "$@" 2>/dev/null; }                        # all_gone PID...: none of them is there any more

# ---- What they all do ----

talk() {
    local number
    try_to_listen server echo --listen 127.0.0.1:0 || return 1
    call ann
    cat "$work/large" >&"${writing[ann]}" &
    started+=("$!")
    timeout "$patience" head -c 102400 <&"${reading[ann]}" >"$work/echo" || fail "$model: 100 KiB do not come back"
    cmp -s "$work/large" "$work/echo" || fail "$model: 100 KiB come back as something else"
    hang_up ann
    visit bob
    printf 'one\ntwo' | timeout "$patience" nc -N 127.0.0.1 "$port" >"$work/echo" || fail "$model: nc -N: exit code $?"
    [ "$(<"$work/echo")" = $'one\ntwo' ] || fail "$model: after a half-close only $(<"$work/echo") comes"
    for number in {1..20}; do
        visit "visitor $number"
    done
}

drain() {
    call ann
    ask ann 'before'
    kill -TERM "${pid_of[server]}"
    await "$model: it says that it has been told to end" logs server 'told to end'
    ask ann 'while it drains'
    hang_up ann
    ends server 0
    hang_up server
}

# at_once COUNT: so many are served at the same time, and one more ("many": everyone).
at_once() {
    local count=$1 number round
    [ "$count" != many ] || count=5
    for ((number = 1; number <= count; number++)); do
        call "client $number"
        ask "client $number" 'hello'
    done
    if [ "$1" != many ]; then
        call waiting
        tell waiting 'and I?'
        for round in {1..10}; do
            for ((number = 1; number <= count; number++)); do
                ask "client $number" "round $round"
            done
        done
        ! says_something waiting || fail "$model: one more than $count is served"
        hang_up 'client 1'
        hear waiting 'and I?'
        hang_up waiting
    fi
    for ((number = 1; number <= count; number++)); do
        [ -z "${reading["client $number"]-}" ] || hang_up "client $number"
    done
}

# limits COUNT: so many are served at once with a limit of one. Who is silent is ended; so is, with the server, who does not end.
limits() {
    listen silent echo --listen 127.0.0.1:0 --idle 0.2
    call ann
    hear_end ann
    hang_up ann
    end silent
    listen limited echo --listen 127.0.0.1:0 --connections 1 --grace 0.1
    at_once "$1"
    call ann
    ask ann 'I stay'
    end limited
    hear_end ann
    hang_up ann
}

# too_many CELL: as many from one host as may be, and one more.
too_many() {
    listen guarded echo --listen 127.0.0.1:0 --per-host 1
    call ann
    ask ann 'hello'
    call bob
    tell bob 'and I?'
    case $1 in
    closed) hear_end bob ;;
    served) hear bob 'and I?' ;;
    waits) # nobody is there to close it
        ask ann 'again'
        ! says_something bob || fail "$model: one more of a host is answered"
        ;;
    *) # it depends on which process gets him
        await "$model: he is closed or served" says_something bob
        ;;
    esac
    ask ann 'again'
    hang_up ann
    [ "$1" != waits ] || hear bob 'and I?'
    hang_up bob
    end guarded
}

letters() {
    local fd answer
    if [ "$1" = no ]; then
        ! try_to_listen letters sum --listen 127.0.0.1:0 --udp || fail "$model: datagrams should be refused"
        hang_up letters
        return
    fi
    listen letters sum --listen 127.0.0.1:0 --udp
    exec {fd}<>"/dev/udp/127.0.0.1/$port"
    printf '1 2 -7' >&"$fd"
    answer=$(timeout "$patience" head -n 1 <&"$fd") || true # bash itself would read it byte by byte
    [ "$answer" = -4 ] || fail "$model: the sum is -4, not: $answer"
    exec {fd}>&-
    end letters
}

# ---- What processes do ----

in_one_process() {
    listen server echo --listen 127.0.0.1:0
    call ann
    ask ann 'hello'
    kill -HUP "${pid_of[server]}"
    ask ann 'nothing happens'
    kill -ABRT "${pid_of[server]}"
    hear_end ann
    hang_up ann
    ends server 134
    hang_up server
}

# A crash is a signal that kills a process: one of two connections goes with it, the other does not notice.
crash_of_one() {
    local victim
    call ann
    ask ann 'hello'
    call bob
    ask bob 'hello'
    await "$model: there are two processes" has_workers supervisor 2
    kill -ABRT "${workers[0]}"
    await "$model: a connection ends" eval 'says_something ann || says_something bob'
    await "$model: the log says how" logs supervisor 'was ended by signal 6 (Aborted)'
    victim=ann
    says_something ann || victim=bob
    hear_end "$victim"
    hang_up "$victim"
    victim=$([ "$victim" = ann ] && echo bob || echo ann)
    ask "$victim" 'I am still here'
    hang_up "$victim"
}

replacement() {
    local killed
    await "$model: there are two workers" has_workers supervisor 2
    killed=${workers[1]}
    kill -KILL "$killed"
    await "$model: the log says how it ended" logs supervisor "(process $killed) was ended by signal 9 (Killed)"
    visit next
    await "$model: there are two again" has_workers supervisor 2
    visit 'the one after'
}

exchange() {
    local old number=0
    await "$model: there are two workers" has_workers supervisor 2
    old=("${workers[@]}")
    kill -HUP "${pid_of[supervisor]}"
    until logs supervisor 'the workers have been exchanged' && all_gone "${old[@]}"; do
        [ $((number++)) -lt 2000 ] || fail "$model: HUP exchanges nobody"
        visit 'somebody' # nobody is refused meanwhile
    done
    visit 'one more'
    has_workers supervisor 2 || fail "$model: after an exchange there are ${#workers[@]} workers"
}

# Who is killed hard cannot tell his workers; they notice, end what they have begun, and leave.
orphans() {
    call ann
    ask ann 'hello'
    workers_of supervisor
    [ ${#workers[@]} -gt 0 ] || fail "$model: there is no worker"
    kill_hard supervisor
    ask ann 'who is there?'
    hang_up ann
    await "$model: no process is left" all_gone "${workers[@]}"
    hang_up supervisor
}

with_processes() {
    local hup=$1 crash=$2 limit=()
    [ "$crash" = 'its connection' ] || limit=(--connections 1) # so that two connections are not one worker's
    listen supervisor echo --listen 127.0.0.1:0 "${limit[@]}"
    crash_of_one
    if [ "$hup" = exchanges ]; then
        replacement
        exchange
    else
        kill -HUP "${pid_of[supervisor]}"
        await "$model: it says that HUP does nothing" logs supervisor 'HUP: nothing to exchange'
    fi
    orphans
}

# ---- All models ----

cell() { # trims the blanks and backquotes around a cell
    local text=${1//\`/}
    text=${text#"${text%%[! ]*}"}
    printf '%s' "${text%"${text##*[! ]}"}"
}

models=0
while IFS='|' read -r _ model most limited per_host hup crash datagrams _ <&3; do
    model=$(cell "$model")
    began=$(now)
    if ! talk; then
        case $model in uring | sigio) ;; *) fail "$model: $heard" ;; esac
        hang_up server
        printf 'skip: %s: %s\n' "$model" "$heard"
        continue
    fi
    at_once "$(cell "$most")"
    drain
    limits "$(cell "$limited")"
    too_many "$(cell "$per_host")"
    letters "$(cell "$datagrams")"
    if [ "$(cell "$crash")" = all ]; then
        in_one_process
    else
        with_processes "$(cell "$hup")" "$(cell "$crash")"
    fi
    models=$((models + 1))
    pass "$model ($(($(now) - began)) ms)"
done 3< <(sed -n '/^| model | at once/,/^$/{ /^| `/p }' "$here/docs/models.md")
[ "$models" -ge 11 ] || fail "only $models models are in the table of docs/models.md"
