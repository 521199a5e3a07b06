#!/usr/bin/env bash
# serve_start.sh: how coir serve starts and ends: addresses, options, what it prints, signals, exit codes; what its services answer.
# needs: netcat-openbsd
. "$(dirname "$0")/conversation.bash"

# serve NAME SERVICE ARGS...: one that prints one line for one TCP socket; sets port.
serve() {
    local name=$1 service=$2
    shift 2
    start "$name" "$coir" serve "$service" "$@"
    hear_like "$name" "$service  tcp://127.0.0.1:*   try: nc 127.0.0.1 *"
    port=${heard##* }
    hear_like "$name" 'coir serve 0.1: model *'
}

# end NAME: it is told to, and does, without another word on standard output.
end() {
    kill -TERM "${pid_of[$1]}"
    hear_end "$1"
    ends "$1" 0
}

# says TEXT EXPECTED: what comes back for it (printf's escapes).
# shellcheck disable=SC2059
says() {
    local answer
    answer=$(printf "$1" | timeout "$patience" nc -N 127.0.0.1 "$port") || fail "nc: exit code $?"
    [ "$answer" = "$(printf "$2")" ] || fail "to $1 it should say $2, not $answer"
}

serve first echo --listen 127.0.0.1:0 --model fiber:2
[ "$heard" = 'coir serve 0.1: model fiber:2, 2 workers' ] || fail "it says: $heard"
says 'as it is\n\nand more' 'as it is\n\nand more'
for model in iterative fork processes:2; do
    refused 1 "coir serve: cannot listen on 127.0.0.1:$port: Address already in use; choose another with --listen ADDR" \
        "$coir" serve echo --listen "127.0.0.1:$port" --model "$model"
done
refused 1 'coir serve: cannot listen on 203.0.113.1:0: *; choose one of this machine'\''s with --listen ADDR' \
    "$coir" serve echo --listen 203.0.113.1:0
pass 'a port that is taken is an error that says what to do'

refused 2 'coir serve: which service? There are echo, upper, time and sum' "$coir" serve
refused 2 'coir serve: there is no service ecko; there are echo, upper, time and sum' "$coir" serve ecko
refused 2 'coir serve: sum is one word too many' "$coir" serve echo sum
refused 2 'coir serve: unrecognized option*' "$coir" serve echo --loud
refused 2 "coir serve: there is no model 'thraed'; there are iterative, fork, *; see coir models*" \
    "$coir" serve echo --listen 127.0.0.1:0 --model thraed
refused 2 "coir serve: model threads: '0': the number of threads is from 1 to *" \
    "$coir" serve echo --listen 127.0.0.1:0 --model threads:0
refused 2 "coir serve: there is no model 'nothing'*" env COIR_MODEL=nothing "$coir" serve echo --listen 127.0.0.1:0
refused 2 'coir serve: --listen: nonsense is no address*' "$coir" serve echo --listen nonsense
refused 2 'coir serve: COIR_LISTEN: x is no address*' env COIR_LISTEN='127.0.0.1:0 x' "$coir" serve echo
refused 2 'coir serve: --listen: udp://127.0.0.1:0 is for datagrams; say --udp, too' \
    "$coir" serve echo --listen udp://127.0.0.1:0
refused 2 "coir serve: address 'tcp://127.0.0.1:0': datagrams are udp:// or unix:*" \
    "$coir" serve echo --udp --listen tcp://127.0.0.1:0
refused 2 'coir serve: --connections: 0 is not a number from 1*' "$coir" serve echo --connections 0
refused 2 'coir serve: --per-host: 3x is not a number from 0*' "$coir" serve echo --per-host 3x
refused 2 'coir serve: --idle: soon is not a number of seconds*' "$coir" serve echo --idle soon
refused 2 'coir serve: --log: loud is not one of*' "$coir" serve echo --log loud
refused 2 'coir models: now is one word too many' "$coir" models now
pass 'bad options: exit code 2 and a sentence'

[[ $("$coir" serve --help) == 'Usage: coir serve '*'coir serve sum --model threads:2'*'COIR_MODEL'* ]] || fail 'coir serve --help'
[[ $("$coir" help models) == 'Usage: coir models'* ]] || fail 'coir help models'
[[ $("$coir" --help) == *'  serve '*'  models '* ]] || fail 'coir --help'
"$coir" models >"$work/models"
for form in iterative fork thread threads:K processes:P spin select poll epoll sigio uring fiber:W hybrid:PxW; do
    grep -qx "$form" "$work/models" || fail "coir models does not tell of $form"
done
! grep -q '.\{81\}' "$work/models" || fail 'coir models has a line of more than 80 columns'
pass '--help; coir models'

serve upper upper --listen 127.0.0.1:0
says 'Grüße, 🐢\r\n\nlast' 'GRÜSSE, 🐢\n\nLAST'
says '\377\nok\n' 'error: that is not UTF-8 text\nOK'
serve sum sum --listen 127.0.0.1:0
says '1 -2\t3\n\n' '2\n0'
says '9223372036854775807 9223372036854775807\n' '18446744073709551614'
says '1 one\n' 'error: word 2 is no whole number from -9223372036854775808 to 9223372036854775807'
serve time time --listen 127.0.0.1:0
answer=$(printf 'what time is it?\n' | timeout "$patience" nc -N 127.0.0.1 "$port") || fail "nc: exit code $?"
[[ $answer == 20??-??-??T??:??:??Z ]] || fail "the time is: $answer"
for name in upper sum time; do
    end "$name"
done
pass 'upper, sum, time'

# Several sockets, from the command line and from the environment.
start several "$coir" serve echo --listen 127.0.0.1:0 --listen "unix:$work/socket"
hear_like several 'echo  tcp://127.0.0.1:*   try: nc 127.0.0.1 *'
port=${heard##* }
hear several "echo  unix:$work/socket   try: nc -U $work/socket"
hear_like several 'coir serve 0.1: model fiber*'
says 'by TCP' 'by TCP'
[ "$(printf 'by the file' | timeout "$patience" nc -N -U "$work/socket")" = 'by the file' ] || fail 'nc -U hears something else'
end several
[ ! -e "$work/socket" ] || fail 'the Unix socket is left behind'
start again env COIR_LISTEN="127.0.0.1:0 unix:$work/socket" COIR_MODEL=processes:2 "$coir" serve echo
hear_like again 'echo  tcp://127.0.0.1:*'
hear_like again 'echo  unix:*'
hear again 'coir serve 0.1: model processes:2'
end again
start letters "$coir" serve echo --udp --listen 127.0.0.1:0
hear_like letters 'echo  udp://127.0.0.1:*   try: nc -u 127.0.0.1 *'
hear_like letters 'coir serve 0.1: model fiber*'
end letters
pass 'several sockets; COIR_LISTEN, COIR_MODEL; --udp'

# What a service manager is told: one message for each thing, without line ends.
start manager nc -k -l -u -U "$work/notify"
await 'the manager listens' test -S "$work/notify"
start told env NOTIFY_SOCKET="$work/notify" "$coir" serve echo --listen 127.0.0.1:0 --model processes:2 --log error
hear_like told 'echo  *'
hear_like told 'coir serve *'
told=
is_told() { # everything up to this
    local byte
    while [[ $told != *"$1" ]]; do
        IFS= read -r -t "$patience" -d '' -N 1 -u "${reading[manager]}" byte || fail "the manager is not told $1, but: $told"
        told+=$byte
    done
}
is_told 'READY=1'
kill -HUP "${pid_of[told]}"
is_told $'RELOADING=1\nMONOTONIC_USEC='
is_told 'READY=1'
kill -TERM "${pid_of[told]}"
is_told 'STOPPING=1'
ends told 0
[ ! -s "$work/told.err" ] || fail "with --log error it logs: $(<"$work/told.err")"
pass 'a service manager is told: READY, RELOADING, STOPPING'

# A client that neither speaks nor leaves holds the end up for the grace, or until a second signal.
for model in thread fork processes:2 fiber; do
    serve graceful echo --listen 127.0.0.1:0 --model "$model" --grace 0.2
    start ann nc 127.0.0.1 "$port"
    tell ann 'hello'
    hear ann 'hello'
    end graceful
    hear_end_by_nc ann
    serve hasty echo --listen 127.0.0.1:0 --model "$model" --grace 60
    start ann nc 127.0.0.1 "$port"
    tell ann 'hello'
    hear ann 'hello'
    kill -TERM "${pid_of[hasty]}"
    await 'it has been told to end' logs hasty 'told to end'
    kill -INT "${pid_of[hasty]}"
    ends hasty 130
    hear_end_by_nc ann
done
pass 'handlers have the grace to end, and a second signal ends it at once'

end first
