#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `orthrus cast send` and `cast receive`: what they refuse, what --plan shows, and a file between two of them on the loopback.
set -u
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)} BUILD=${BUILD:-$TOP/build}
for p in unshare ip jq; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
if [ "${CAST_INSIDE:-}" != 1 ]; then # a network of its own: the loopback, and nothing else
    export CAST_INSIDE=1
    if [ "$(id -u)" = 0 ]; then exec unshare -n "$0"; fi
    unshare -rn true 2>/dev/null || { echo "needs root, or user namespaces"; exit 77; }
    exec unshare -rn "$0"
fi
orthrus=$BUILD/orthrus
work=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-cast.XXXXXX")
# shellcheck source=tests/cli/says.bash
. "$TOP/tests/cli/says.bash"
send_pid=
trap '[ -z "$send_pid" ] || kill "$send_pid" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
ip link set lo up
head -c 3000001 /dev/urandom >"$work/file"
: >"$work/empty"

# --- what cannot be sent
run 1 cast send "$work/none"
says 'No such file'
run 1 cast send "$work"
run 2 cast send "$work/empty"
says 'is empty'
run 1 cast send "$work/file"
says 'no interface has an IPv4 address'
run 2 cast send "$work/file" --interface nothere0
says "there is no interface 'nothere0'"
run 2 cast send "$work/file" --interface lo --address 192.0.2.7
says 'no address of interface lo'
run 2 cast send "$work/file" --interface lo --group 224.0.0.1
says 'no group for a cast'
for wrong in '--rate 0' '--receivers 0' '--receivers 10001' '--port 0' '--gather x'; do
    # shellcheck disable=SC2086
    run 2 cast send "$work/file" --interface lo $wrong
done
run 2 cast send
run 0 cast send "$work/file" --interface lo --plan
says '127.0.0.1 by lo'
says 'at 127.0.0.1, a free port, to'
run 0 cast send "$work/file" --interface lo --plan --port 4711
says 'at 127.0.0.1, TCP port 4711, to'
run 1 cast send "$work/file" --interface lo --token-file "$work/none/token"
says 'No such file'
grep -q 'token is in' "$work/out" && fail "a token is said to be where it is not: $(cat "$work/out")"
run 0 cast send "$work/file" --interface lo --plan --json
jq -e '.steps | length == 2' "$work/out" >/dev/null || fail "the plan: $(cat "$work/out")"

# --- what cannot be received
run 2 cast receive - --token-file "$work/empty"
says 'standard output'
run 1 cast receive "$work/file" --token-file "$work/empty"
says '--force'
run 2 cast receive "$work" --token-file "$work/empty"
says 'is a directory'
run 2 cast receive "$work/out1"
says 'no terminal to ask at'
run 2 cast receive "$work/out1" --token-file "$work/empty" --token x
says 'both give a token'
run 2 cast receive "$work/out1" --token-file "$work/empty"
says 'is empty'
run 2 cast receive "$work/out1" --token hello
says 'does not begin with'
run 1 cast receive "$work/out1" --token-file "$work/none"
run 2 cast receive "$work/out1" --token-file "$work/empty" --interface nothere0
says "there is no interface 'nothere0'"

# --- a file
start() { # OPTIONS...: the token is in $token
    rm -f "$work/send.out" # what an earlier one said is no token of this one
    "$orthrus" cast send "$work/file" --interface lo "$@" >"$work/send.out" 2>"$work/send.err" </dev/null &
    send_pid=$!
    for _ in $(seq 500); do token=$(head -n 1 "$work/send.out" 2>/dev/null); [ -n "$token" ] && return; sleep 0.01; done
    fail "no token: $(cat "$work/send.out" "$work/send.err")"
}
ended() { # STATUS
    wait $send_pid
    local rc=$?
    send_pid=
    [ $rc = "$1" ] || fail "send: exit $rc, not $1: $(cat "$work/send.out" "$work/send.err")"
}
start --receivers 1
case $token in orthrus-cast1:127.0.0.1:*) ;; *) fail "the first line is no token: $token" ;; esac
run 0 cast receive "$work/out1" --token "$token" --plan
says 'receive file (2.9 MiB)'
[ ! -e "$work/out1" ] || fail "--plan made a file"
run 0 cast receive "$work/out1" --token "$token" --interface lo
says '2.9 MiB in'
ended 0
cmp "$work/file" "$work/out1" || fail "out1 is not what was sent"
grep -qF "$(hostname) (127.0.0.1): done" "$work/send.out" || fail "send does not say who has it: $(cat "$work/send.out")"
grep -qE '^1 receiver has file \(2.9 MiB\) after [0-9.]+ s, ' "$work/send.out" || fail "send does not say how it went: $(cat "$work/send.out")"
[ "$(stat -c %Y "$work/out1")" = "$(stat -c %Y "$work/file")" ] || fail "the time is not the sender's"

# Over an old one, by a file of the token that only we can read, without multicast, as JSON.
echo old >"$work/out1"
"$orthrus" cast send "$work/file" --interface lo --receivers 1 --token-file "$work/token" --json >"$work/send.out" 2>"$work/send.err" </dev/null &
send_pid=$!
for _ in $(seq 500); do [ -s "$work/token" ] && break; sleep 0.01; done
[ "$(stat -c %a "$work/token")" = 600 ] || fail "others can read the token"
run 1 cast receive "$work/out1" --token-file "$work/token"
says 'exists'
"$orthrus" cast receive "$work/out1" --token-file - --force --no-multicast --json <"$work/token" >"$work/out" 2>"$work/err" || fail "receive: $(cat "$work/out" "$work/err")"
jq -e '.bytes == 3000001 and .tls_bytes == 3000001 and .multicast_bytes == 0 and .refetched_bytes == 0' "$work/out" >/dev/null || fail "receive: $(cat "$work/out")"
ended 0
cmp "$work/file" "$work/out1" || fail "out1 is not what was sent again"
jq -e '.done == 1 and .failed == 0 and .receivers[0].tls_bytes == 3000001' "$work/send.out" >/dev/null || fail "send: $(cat "$work/send.out")"
grep -qF "$(cut -d: -f5 "$work/token")" "$work/send.out" "$work/send.err" "$work/out" "$work/err" && fail "the secret is said"

# Nothing went by multicast: there is no rate of it.
start --receivers 1
run 0 cast receive "$work/out5" --token "$token" --no-multicast
ended 0
grep -qxF '1 receiver has file (2.9 MiB)' "$work/send.out" || fail "send does not say how it went: $(cat "$work/send.out")"

# A relay: what it would do, and where it can't be.
site=$work/site.json
jq -n '{format: 1, cluster: {name: "c", domain: "c.internal"}, heads: [{name: "h", interface: "eth0", ipv4: "10.1.0.1"}],
    networks: [{name: "near", role: "provision", ipv4: {subnet: "10.1.0.0/24"}}, {name: "far", role: "compute", ipv4: {subnet: "203.0.113.0/24"}}, {name: "farther", role: "compute", ipv4: {subnet: "198.51.100.0/24"}}],
    cast: {relays: [{network: "far", machine: "n17", ipv4: "203.0.113.77"}, {network: "farther", machine: "n18", ipv4: "198.51.100.9", from: "far"}]}}' >"$site"
run 2 cast relay --site "$site"
run 1 cast relay nowhere --site "$site"
says 'far, farther'
run 1 cast relay far --site "$work/none.json"
run 0 cast relay far --site "$site" --plan
says 'at 203.0.113.77, port 4580, from 10.1.0.1'
says 'orthrus-node relay --address 203.0.113.77 --port 4580 --group 232.'
says 'network far, to the 64 groups from 232.'
says 'relays at 198.51.100.9'
run 0 cast relay farther --site "$site" --plan
says 'at 198.51.100.9, port 4580, from 203.0.113.77'
run 1 cast relay farther --site "$site"
says 'runs on n18'

# A disk that takes longer than the sender waits for a word: the receiver says that it is there. One that takes nothing for a while, in the
# middle of the cast. Both beside each other.
slow() ( # NAME WAIT VARIABLE=VALUE...
    at=$work/$1.d
    mkdir "$at" && ln "$work/file" "$at/file" || exit 1
    work=$at
    start --receivers 1 --wait "$2"
    env "${@:3}" LD_PRELOAD="$BUILD/tests/lab/slow_write.so" "$orthrus" cast receive "$work/received" --token "$token" >"$work/out" 2>"$work/err" || fail "$1: $(cat "$work/out" "$work/err")"
    ended 0
    cmp "$work/file" "$work/received" || fail "$1: it is not what was sent"
    grep -qF "$(hostname) (127.0.0.1): done" "$work/send.out" || fail "$1 is no failure: $(cat "$work/send.out")"
    exit $failed
)
if [ -e "$BUILD/tests/lab/slow_write.so" ]; then
    slow 'a slow disk' 6 SLOW_SYNC=7 & slow_pid=$!
    slow 'a disk that hangs' 4 HANG_WRITE=2 HANG=13 || failed=1
    wait $slow_pid || failed=1
fi

# Nobody comes: Ctrl-C.
start
kill -INT $send_pid
ended 1
grep -q 'before anybody came' "$work/send.err" || fail "send: $(cat "$work/send.err")"
# A sender that is gone.
run 1 cast receive "$work/out2" --token "$token"
says 'orthrus cast send'
[ -z "$(find "$work" -name '.*cast*')" ] || fail "something is left: $(find "$work" -name '.*cast*')"
exit $failed
