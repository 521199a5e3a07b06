# raw.bash: plays the clients of the raw servers: raw PROGRAM CLIENTS. Sourced by raw_*.sh; needs bash only.
#
# CLIENTS connections are open at once; each says two lines, in turn, and must get them back.
raw() {
    local program=$1 clients=$2 port fds=() fd line said round i
    exec {out}< <(exec "$program")
    server=$!
    trap 'kill "$server" 2>/dev/null' EXIT
    read -r -t 20 port <&"$out"
    for ((i = 0; i < clients; i++)); do
        exec {fd}<>"/dev/tcp/127.0.0.1/$port"
        fds+=("$fd")
    done
    for round in one two; do
        for fd in "${fds[@]}"; do
            said="line $round of client $fd"
            echo "$said" >&"$fd"
            read -r -t 20 line <&"$fd"
            if [ "$line" != "$said" ]; then
                echo "said '$said', got '$line'"
                exit 1
            fi
        done
    done
    echo "$clients clients at once, 2 lines each: all came back"
}

# Clock ticks of processor time that the server has used.
raw_ticks() {
    awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$server/stat"
}
