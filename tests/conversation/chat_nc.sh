#!/usr/bin/env bash
# chat_nc.sh: people talk through a hub with nc.
# needs: netcat-openbsd
. "$(dirname "$0")/conversation.bash"

start_hub hub

come ann
[ "$heard" = '* welcome, ann; 1 here: ann' ] || fail "$heard"
come bob
[ "$heard" = '* welcome, bob; 2 here: ann, bob' ] || fail "$heard"
hear ann '* bob came in'
tell ann 'hello'
hear bob 'ann: hello'
tell bob 'Grüße, 🐢'
hear ann 'bob: Grüße, 🐢'
pass 'two talk, and nobody hears himself'

start cid nc 127.0.0.1 "$chat"
hear_question cid
tell cid 'ANN'
hear cid '* that name is taken; choose another'
hear_question cid
tell cid 'two words'
hear cid '* a name has visible characters only, and no blanks'
hear_question cid
tell cid ''
hear cid '* a name has at least one character'
hear_question cid
tell cid 'abcdefghijklmnopqrstuvwxy'
hear cid '* a name has at most 24 characters'
hear_question cid
tell_bytes cid 'cid\r\n'
hear cid '* welcome, cid; 3 here: ann, bob, cid'
hear ann '* cid came in'
hear bob '* cid came in'
pass 'names are asked for until one will do; CRLF is a line end'

tell hub 'lunch is ready'
for name in ann bob cid; do
    hear "$name" '* administrator: lunch is ready'
done
pass 'the administrator speaks to all'

tell cid "$(printf '%05000d' 0)"
hear cid '* that was longer than 4096 bytes; nobody heard it'
tell_bytes cid 'bell\007\n'
hear cid '* that had control characters in it; nobody heard it'
tell_bytes cid '\377\376\n'
hear cid '* that was not UTF-8 text; nobody heard it'
longest=$(printf '%04096d' 0)
tell cid "$longest"
hear ann "cid: $longest"
hear bob "cid: $longest"
pass 'what cannot be said is told to its sender only; 4096 bytes can be said'

kill_hard cid
hear ann '* cid left'
hear bob '* cid left'
say_no_more bob # nc goes on listening
tell ann 'still there?'
hear bob 'ann: still there?'
pass 'others hear who left, also when his process was killed'

seq 1 3000 | { printf 'burst\n'; cat; } | nc -N 127.0.0.1 "$chat" >/dev/null &
started+=("$!")
hear ann '* burst came in'
for number in {1..3000}; do
    hear ann "burst: $number"
done
hear ann '* burst left'
hear bob '* burst came in'
for number in {1..3000}; do
    hear bob "burst: $number"
done
hear bob '* burst left'
pass 'a burst of 3000 lines reaches all that read, in order'

kill -TERM "${pid_of[hub]}"
hear ann '* the hub is stopping'
hear_end_by_nc ann
hear bob '* the hub is stopping'
hear_end bob
ends hub 0
pass 'the end of the hub is told'
