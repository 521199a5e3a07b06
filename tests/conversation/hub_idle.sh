#!/usr/bin/env bash
# hub_idle.sh: a hub with nothing to do does nothing: in 3 seconds no thread of it is switched in, not even a monitor.
# needs: netcat-openbsd
. "$(dirname "$0")/conversation.bash"

switches() { # of all its threads, voluntary ones
    awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }' "/proc/${pid_of[hub]}"/task/*/status
}

start_hub hub
start ann nc 127.0.0.1 "$chat"
hear_question ann
tell ann ann
hear ann '* welcome, ann; 1 here: ann'

# The monitor leaves after a second without work: until two looks a second apart are the same. The pipe never speaks: a
# read of it is the clock of this measurement, not a wait for something.
look() { read -r -t "$1" -u "$silence" _ || true; }
before=$(switches)
for ((round = 0; round < 10; round++)); do
    look 1
    now=$(switches)
    [ "$now" != "$before" ] || break
    before=$now
done
look 3
now=$(switches)
[ "$now" -eq "$before" ] || fail "an idle hub was switched in $((now - before)) times in 3 seconds"
pass 'an idle hub with a silent member has no context switch in 3 seconds'
