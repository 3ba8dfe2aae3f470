#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `orthrus cast` between plain hosts, each a namespace on one switch: one receiver loses 5 %, one is killed and comes again, one gets no
# multicast; a wrong token; Ctrl-C on either side; IPv6. Every file is compared with what was sent.
set -u
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)} BUILD=${BUILD:-$TOP/build}
for p in ip nft jq ethtool; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
orthrus=$BUILD/orthrus
[ -x "$orthrus" ] || { echo "needs $orthrus: make"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-cast.XXXXXX")
# shellcheck source=tests/cli/says.bash
. "$TOP/tests/cli/says.bash"
tag=$$ pids=()
cleanup() {
    for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null; done
    for n in sw s 1 2 3 4; do ip netns del "cast$tag$n" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
die() { echo "FAIL: $*" >&2; exit 1; }

for n in sw s 1 2 3 4; do ip netns add "cast$tag$n" || die "namespaces"; ip -n "cast$tag$n" link set lo up; done
ip -n "cast${tag}sw" link add br0 type bridge mcast_snooping 0 && ip -n "cast${tag}sw" link set br0 up
i=0
for n in s 1 2 3 4; do
    i=$((i + 1))
    ip -n "cast$tag$n" link add eth0 type veth peer name "p$n" netns "cast${tag}sw" || die "veth"
    ip -n "cast${tag}sw" link set "p$n" master br0 up
    ip -n "cast$tag$n" addr add "10.66.0.$i/24" dev eth0
    ip -n "cast$tag$n" addr add "fd66::$i/64" dev eth0 nodad
    ip -n "cast$tag$n" link set eth0 up
    ip -n "cast$tag$n" route add 224.0.0.0/4 dev eth0
done
# The filter shall see packets one by one, as a wire does.
ip netns exec "cast${tag}s" ethtool -K eth0 tx-udp-segmentation off >/dev/null || die "ethtool"
filter() { # N RULE: for what comes in
    ip netns exec "cast$tag$1" nft "add table inet t; add chain inet t in { type filter hook prerouting priority -300; }; add rule inet t in $2" || die "nft"
}
filter 2 'meta l4proto udp numgen random mod 100 < 5 drop'
filter 4 'meta l4proto udp drop' # neither a group nor broadcast nor what is sent to it alone

head -c 24M /dev/urandom >"$work/file"
sum=$(sha256sum <"$work/file")
on() { local n=$1; shift; ip netns exec "cast$tag$n" "$@"; }
send() { # NAME OPTIONS...: in the background, its pid in $send_pid; waits for the token
    local name=$1
    shift
    rm -f "$work/token"
    ip netns exec "cast${tag}s" "$orthrus" cast send "$work/file" --token-file "$work/token" --json "$@" >"$work/$name.out" 2>"$work/$name.err" &
    send_pid=$!
    pids+=("$send_pid")
    for _ in $(seq 500); do [ -s "$work/token" ] && return; kill -0 $send_pid 2>/dev/null || break; sleep 0.01; done
    die "no token: $(cat "$work/$name.err")"
}
receive() { # N OUT OPTIONS...: in the background, its pid in $receive_pid
    local n=$1 out=$2
    shift 2
    ip netns exec "cast$tag$n" "$orthrus" cast receive "$work/$out" --token-file "$work/token" --json "$@" >"$work/$out.out" 2>"$work/$out.err" &
    receive_pid=$!
    pids+=("$receive_pid")
}
wait_for() { for _ in $(seq 1500); do "$@" && return; sleep 0.01; done; die "waited too long for: $*"; }
exits() { # STATUS PID WHAT
    wait "$2"
    local rc=$?
    [ $rc = "$1" ] || fail "$3: exit $rc, not $1: $(cat "$work/$3.out" "$work/$3.err")"
}
same() { [ "$(sha256sum <"$work/$1")" = "$sum" ] || fail "$1 is not what was sent"; [ ! -e "$work/.$1.cast.part" ] && [ ! -e "$work/.$1.cast.journal" ] || fail "$1 left something"; }
value() { jq -s "last | $2" "$work/$1.out"; }
is() { local v; v=$(value "$1" "$2"); [ "$v" = true ] || fail "$1: not so: $2: $(cat "$work/$1.out")"; }

# --- four receivers, each with its own trouble
send all --receivers 4 --gather 60 --rate 70
for n in 1 2 3 4; do receive $n "r$n"; eval "r$n=$receive_pid"; done
wait_for grep -qs ORTHCAST "$work/.r3.cast.journal"
kill -9 "$r3"; wait "$r3" 2>/dev/null
receive 3 r3
exits 0 "$r1" r1
exits 0 "$r2" r2
exits 0 "$receive_pid" r3
exits 0 "$r4" r4
exits 0 $send_pid all
for n in 1 2 3 4; do same "r$n"; done
is r1 '.tls_bytes == 0 and .multicast_bytes == .bytes and .refetched_bytes < .bytes / 50'
is r2 '.multicast_bytes > .bytes * 0.98 and .repaired_symbols > 300'
is r3 '.kept_bytes > 1000000 and .kept_bytes + .multicast_bytes + .tls_bytes <= .bytes * 1.02'
is r4 '.tls_bytes >= .bytes and .multicast_bytes == 0'
grep -q 'nothing came by multicast' "$work/r4.err" || fail "r4 does not say that multicast is blocked: $(cat "$work/r4.err")"
is all '.done == 4 and .failed == 0 and (.receivers | length) == 4 and ([.receivers[].state] | unique) == ["done"]'
[ ! -s "$work/r1.err" ] || ! grep -vq '^{"progress"' "$work/r1.err" || fail "r1 says: $(cat "$work/r1.err")"

# --- whoever has no token, or another one
send wrong --receivers 1 --rate 70
token=$(cat "$work/token")
sed -E 's/:([0-9a-f])/:\1\1/2' "$work/token" >"$work/slip"
run 2 cast receive "$work/none" --token-file "$work/slip"
says 'is not as it was printed'
fields=${token%:*}
secret=${fields##*:} rest=${fields%:*}
forged=$rest:$(printf '%s' "$secret" | tr 0-9a-f 1-9a-f0)
forged=$forged:$(printf '%s' "$forged" | sha256sum | cut -c1-8)
printf '%s\n' "$forged" | on 1 "$orthrus" cast receive "$work/none" --token-file - >"$work/out" 2>"$work/err"
[ $? = 3 ] || fail "a wrong secret: $(cat "$work/out" "$work/err")"
says 'not the secret of this cast'
silent "$secret"
[ -z "$(find "$work" -name '.none*' -o -name none)" ] || fail "a wrong token leaves files"

# --- Ctrl-C at the sender: receivers keep what they have, and go on with the next one
receive 1 c1
grows() { grep -q '"done_bytes":[1-9]' "$work/c1.err"; }
wait_for grows
kill -INT $send_pid
exits 1 $send_pid wrong
exits 1 "$receive_pid" c1
grep -q 'sender was stopped' "$work/c1.out" "$work/c1.err" || fail "c1 does not say that the sender was stopped: $(cat "$work/c1.out" "$work/c1.err")"
grep -q 'are kept' "$work/c1.out" || fail "c1 does not say what is kept: $(cat "$work/c1.out")"
is wrong '.failed == 1 and .refused_requests >= 1'
[ -e "$work/c1" ] && fail "c1 has its name before it is whole"

# --- Ctrl-C at a receiver, which goes on; and the other one, which joins late
send again --receivers 2 --gather 0 --rate 40 --wait 10
receive 3 c2; c2=$receive_pid
grows() { grep -q '"done_bytes":[1-9]' "$work/c2.err"; }
wait_for grows
# Nothing of this machine is within its reach but its directory and the network (a build that looks for leaks is not confined).
[ -n "${ASAN_OPTIONS:-}" ] || [ "$(grep -cE '^(NoNewPrivs:\s*1|Seccomp:\s*2)$' "/proc/$c2/status")" = 2 ] || fail "c2 is not confined: $(grep -E 'NoNew|Secc' "/proc/$c2/status")"
kill -INT "$c2"
exits 1 "$c2" c2
grep -q 'are kept' "$work/c2.out" || fail "c2 does not say what is kept: $(cat "$work/c2.out")"
receive 1 c1; c1=$receive_pid
receive 3 c2
exits 0 "$c1" c1
exits 0 "$receive_pid" c2
exits 0 $send_pid again
same c1; same c2
is again '.wire_bytes < .bytes * 2' # nobody lacked anything between the two
for n in c1 c2; do is $n '.kept_bytes > 0 and .kept_bytes + .multicast_bytes + .tls_bytes <= .bytes * 1.02'; done

# --- IPv6, where reports come late but do come; and a file that is changed while it is sent
filter s 'ip6 saddr fd66::2 meta l4proto udp drop'
truncate -s 10M "$work/file"
sum=$(sha256sum <"$work/file")
send six --receivers 2 --ipv6
receive 1 s1; s1=$receive_pid
wait_for grep -q '(1 receivers, 0 done)' "$work/six.err"
on s nft delete table inet t
receive 3 s3
exits 0 "$s1" s1
exits 0 "$receive_pid" s3
exits 0 $send_pid six
same s1; same s3
is s1 '.multicast_bytes == .bytes'
grep -q warning "$work/six.err" && fail "a warning where nothing is wrong: $(grep warning "$work/six.err")"
send changed --receivers 1
touch "$work/file"
receive 1 gone
exits 1 "$receive_pid" gone
exits 1 $send_pid changed
grep -q 'was changed while it was sent' "$work/changed.out" "$work/changed.err" || fail "a changed file: $(cat "$work/changed.out" "$work/changed.err")"
exit $failed
