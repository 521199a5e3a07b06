#!/usr/bin/env bash
# hub_start.sh: how the program starts and ends: ports, options, standard input of all kinds, signals, exit codes.
# needs: netcat-openbsd
. "$(dirname "$0")/conversation.bash"

start_hub first
first_chat=$chat
first_web=$web
refused 1 "coir hub: cannot listen on 127.0.0.1:$chat (--chat): address already in use; choose another with --chat ADDR" \
    "$coir" hub --chat "127.0.0.1:$chat" --web 127.0.0.1:0
refused 1 "coir hub: cannot listen on 127.0.0.1:$web (--web): address already in use; choose another with --web ADDR" \
    "$coir" hub --chat 127.0.0.1:0 --web "127.0.0.1:$web"
refused 1 "coir hub: cannot listen on 203.0.113.1:0 (--chat): this machine has no such address; *" \
    "$coir" hub --chat 203.0.113.1:0 --web 127.0.0.1:0
pass 'a taken port is an error that names port and option'

refused 2 'coir hub: unrecognized option*' "$coir" hub --cat 127.0.0.1:0
refused 2 'coir hub: --chat: nonsense is no address*' "$coir" hub --chat nonsense
refused 2 'coir hub: --chat: 127.0.0.1:99999 is no address*' "$coir" hub --chat 127.0.0.1:99999
refused 2 'coir hub: --grace: soon is not a number*' "$coir" hub --grace soon
refused 2 'coir hub: --queue: 0 is not a number from 1*' "$coir" hub --queue 0
refused 2 'coir hub: --log: loud is not one of*' "$coir" hub --log loud
refused 2 'coir hub: now is one word too many*' "$coir" hub now
refused 2 'coir hub: COIR_WEB: nonsense is no address*' env COIR_WEB=nonsense "$coir" hub --chat 127.0.0.1:0
refused 1 'coir hub: cannot start: *' "$coir" hub --backend nonsense --chat 127.0.0.1:0 --web 127.0.0.1:0
refused 2 'coir: there is no verb hbu; did you mean coir hub?' "$coir" hbu
refused 2 'coir: there is no verb frobnicate; see coir --help' "$coir" frobnicate
refused 2 'Usage: coir VERB*' "$coir"
pass 'bad options and verbs: exit code 2 and a sentence'

[ "$("$coir" --version)" = 'coir 0.1' ] || fail 'coir --version'
[[ $("$coir" --help) == 'Usage: coir VERB'*'coir hub'*'nc 127.0.0.1 9000'* ]] || fail 'coir --help'
[[ $("$coir" hub --help) == 'Usage: coir hub [OPTION...]'*'--chat=ADDR'*'127.0.0.1:9000'*'Examples:'* ]] ||
    fail 'coir hub --help'
[ "$("$coir" help hub)" = "$("$coir" hub --help)" ] || fail 'coir help hub'
"$coir" --help >/dev/full 2>/dev/null && fail 'help into a full disk should fail'
pass '--help and --version'

export COIR_CHAT="127.0.0.1:0" COIR_WEB="127.0.0.1:0"
printf 'from a file\n' >"$work/file"
mkfifo "$work/pipe"
exec {pipe}<>"$work/pipe" # both ends, so that it does not end
for input in closed /dev/null "$work/file" "$work/pipe"; do
    start_with_input hub "$input" "$coir" hub
    hub_lines hub
    come ann
    tell_bytes ann '\001\n'
    hear ann '* that had control characters in it; nobody heard it'
    kill -TERM "${pid_of[hub]}"
    hear ann '* the hub is stopping'
    hear_end_by_nc ann
    ends hub 0
done
pass 'standard input closed, /dev/null, a file, a pipe: the hub runs, and stops with exit code 0'

start_with_input hub "$work/pipe" "$coir" hub
hub_lines hub
come ann
printf 'one\n' >&"$pipe"
hear ann '* administrator: one'
kill -INT "${pid_of[hub]}"
hear ann '* the hub is stopping'
ends hub 0
exec {pipe}>&-
pass 'a pipe is the administrator; SIGINT stops, too'

start hub "$coir" hub
hub_lines hub
say_no_more hub
come ann
kill -HUP "${pid_of[hub]}"
come bob
hear ann '* bob came in'
pass 'the end of standard input ends nothing, SIGHUP neither'

# One that does not read any more: stopped, with more for it than the kernel takes.
start_hub drain --grace 1 --queue 10000
come ann
come stuck
hear ann '* stuck came in'
kill -STOP "${pid_of[stuck]}"
line=$(printf '%04000d' 0)
for _ in {1..5000}; do
    tell ann "$line"
done
tell_bytes ann '\001\n'
hear ann '* that had control characters in it; nobody heard it'
before=$(now)
kill -TERM "${pid_of[drain]}"
hear ann '* the hub is stopping'
ends drain 0
took=$(($(now) - before))
[ "$took" -lt 3000 ] || fail "draining took $took ms, with a grace of 1 s"
kill_hard stuck
pass 'a member that does not read holds the end up for the grace, not longer'

start_hub twice --grace 60 --queue 10000
come ann
come stuck
hear ann '* stuck came in'
kill -STOP "${pid_of[stuck]}"
for _ in {1..5000}; do
    tell ann "$line"
done
tell_bytes ann '\001\n'
hear ann '* that had control characters in it; nobody heard it'
kill -TERM "${pid_of[twice]}"
hear ann '* the hub is stopping'
kill -INT "${pid_of[twice]}"
ends twice 130
kill_hard stuck
pass 'a second signal ends it at once'

kill -TERM "${pid_of[first]}"
ends first 0
start again "$coir" hub --chat "127.0.0.1:$first_chat" --web "127.0.0.1:$first_web"
hub_lines again
[ "$chat $web" = "$first_chat $first_web" ] || fail "other ports: $chat $web"
kill -TERM "${pid_of[again]}"
ends again 0
pass 'a port is free again at once'
