# shellcheck shell=bash disable=SC2034
# packages.sh: sourced by ./run and ./test, to install what is missing on a Debian machine, saying so first.

# To build the library, the servers and the program.
packages_build='gcc libc6-dev cmake ninja-build pkg-config liburing-dev node-llhttp libssl-dev libjansson-dev libunistring-dev'
# Besides, for ./test --quick: the unit tests, some of them in C++; the headers' check with both compilers, as C and as
# C++; the format.
packages_quick='check g++ clang clang-format-14 curl netcat-openbsd'
# Besides, for the whole ./test: faults to be planted, sanitizers and fuzzing with clang, cross-compiling and an emulator for aarch64.
packages_full='patch libclang-rt-14-dev gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user'

# packages_missing PACKAGE...: those that are not installed, one a line.
packages_missing() {
    local package
    for package; do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
        'install ok installed') ;;
        *) printf '%s\n' "$package" ;;
        esac
    done
}

# packages_need WHY PACKAGE...: installs the missing ones, as root or with sudo. On a machine without Debian's tools it
# is up to its owner what is there; the build says what it does not find.
packages_need() {
    local why=$1 missing as=() log
    shift
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
    missing=$(packages_missing "$@" | sort -u | tr '\n' ' ')
    [ -n "$missing" ] || return 0

    echo "coir: $why needs packages that are not here: $missing" >&2
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "coir: only root can install them: apt-get install --no-install-recommends $missing" >&2
            return 1
        fi
        as=(sudo)
        # Without a terminal nobody could answer a question for the password.
        [ -t 0 ] || as=(sudo -n)
    fi
    echo "coir: installing them: apt-get install --no-install-recommends" >&2
    log=$(mktemp)
    # shellcheck disable=SC2086 # a list of words
    if ! "${as[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get -q -y update
        exec apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"' sh $missing >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        echo "coir: apt-get failed; what it said last is above" >&2
        return 1
    fi
    rm -f "$log"
}
