# raw_busy.sh PROGRAM: talks to it; see raw.bash.
set -euo pipefail
. "${BASH_SOURCE%/*}/raw.bash"
raw "$1" 5
before=$(raw_ticks)
read -r -t 0.5 <&"$out" || true # nobody says anything
echo "clock ticks of processor time in half a second of silence: $(($(raw_ticks) - before))"
