#!/usr/bin/env bash
# http_curl.sh: the web door, asked by curl (and by nc where curl would not say such things).
# needs: curl netcat-openbsd
. "$(dirname "$0")/conversation.bash"

start_hub hub
url=http://127.0.0.1:$web
page=$here/servers/hub/page

# get EXPECTED ARGS...: curl answers with this status; headers in $work/headers, body in $work/body.
get() {
    local expected=$1 status
    shift
    rm -f "$work/headers" "$work/body"
    status=$(curl -sS -m "$patience" -D "$work/headers" -o "$work/body" -w '%{http_code}' "$@") ||
        fail "curl $*: exit code $?"
    [ "$status" = "$expected" ] || fail "curl $*: status $status, not $expected"
}

has_header() {
    grep -qix "$1"$'\r' "$work/headers" || fail "no header like $1 in: $(cat "$work/headers")"
}

for file in /:index.html /style.css:style.css /chat.js:chat.js /icon.svg:icon.svg; do
    get 200 "$url${file%%:*}"
    cmp -s "$work/body" "$page/${file##*:}" || fail "${file%%:*} is not $page/${file##*:}"
done
get 200 "$url/"
has_header 'Content-Type: text/html; charset=utf-8'
has_header 'X-Content-Type-Options: nosniff'
grep -qi "^Content-Security-Policy: default-src 'none'; script-src 'self'" "$work/headers" || fail 'no policy'
! grep -qi 'unsafe' "$work/headers" || fail 'an unsafe policy'
etag=$(sed -n 's/^etag: \(.*\)\r$/\1/ip' "$work/headers")
[ -n "$etag" ] || fail 'no tag'
get 304 -H "If-None-Match: $etag" "$url/"
[ ! -e "$work/body" ] || fail 'a body with 304'
pass 'GET: the page is what is in servers/hub/page/, tagged, with a strict policy'

get 200 -I "$url/"
size=$(wc -c <"$page/index.html")
has_header "Content-Length: $size"
pass 'HEAD'

get 404 "$url/nothing"
get 404 -I "$url/nothing"
get 400 --path-as-is "$url/../etc/passwd"
get 400 --path-as-is "$url/%2e%2e/etc/passwd"
get 405 -X DELETE "$url/"
has_header 'Allow: .*GET.*'
get 405 -d text=hello "$url/"
pass '404, 405'

get 426 "$url/chat"
get 403 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H 'Origin: http://evil.example' "$url/chat"
pass 'the WebSocket is for WebSockets, and for this origin'

head -c 200000 /dev/zero >"$work/large"
get 413 -H 'Expect:' --data-binary @"$work/large" "$url/"
get 431 -H "X-Large: $(printf '%020000d' 0)" "$url/"
many=()
for number in {1..100}; do
    many+=(-H "X-$number: 1")
done
get 431 "${many[@]}" "$url/"
get 414 "$url/$(printf '%010000d' 0)"
pass '413, 431, 414'

connections=$(curl -sS -m "$patience" -w '%{num_connects} ' -o /dev/null "$url/" -o /dev/null "$url/style.css" \
    -o /dev/null "$url/nothing")
[ "$connections" = '1 0 0 ' ] || fail "keep-alive: connections made: $connections"
connections=$(curl -sS -m "$patience" -0 -o /dev/null -w '%{num_connects} ' "$url/" -o /dev/null "$url/")
[ "$connections" = '1 1 ' ] || fail "HTTP/1.0: connections made: $connections"
pass 'keep-alive'

# raw STATUS BYTES: what is answered to these bytes (printf's escapes) begins so.
raw() {
    start raw nc 127.0.0.1 "$web"
    tell_bytes raw "$2"
    say_no_more raw
    hear_like raw "HTTP/1.1 $1 *"
    ends raw 0
}
raw 400 'GARBAGE\r\n\r\n'
raw 400 'GET / HTTP/1.1\r\n\r\n'
raw 400 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
raw 400 'GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n'
raw 400 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
raw 400 'GET / HTTP/1.1\r\nHost: a\r\nBad Name: b\r\n\r\n'
pass '400 for what is not HTTP'

kill -TERM "${pid_of[hub]}"
ends hub 0
pass 'it stops while connections are idle'
