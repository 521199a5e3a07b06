# raw_selectors.sh PROGRAM: talks to it; see raw.bash.
set -euo pipefail
. "${BASH_SOURCE%/*}/raw.bash"
raw "$1" 5
