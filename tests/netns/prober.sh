#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it tells milliseconds
# What measures failover (tests/lab/prober.c) sees what is there: silence as long as it was, a move, and two machines with one address.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
for p in ip nft; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
. "$TOP/tests/lab/cast_net.bash"
cast_net_private "$0"
. "$TOP/tests/bench/failover_net.bash"
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }
die() { echo "FAIL: $*"; exit 1; }
declare -A main
make_network || die "no network"
give() { ip -n "$1" address add $service/24 dev eth0; ip -n out neigh flush dev eth0; }
take() { ip -n "$1" address del $service/24 dev eth0; }

responders a
responders b
give a
mkfifo "$W/tell" "$W/said"
net_in out "$BUILD/tests/lab/prober" --address $service --port $port --log "$W/log" --every "$W/every" \
    --arp /run/netns/ear eth0 "${address[ear]}" --mac "${mac[a]}=A" --mac "${mac[b]}=B" <"$W/tell" >"$W/said" 2>"$W/err" &
prober=$!
exec {tell}>"$W/tell" {said}<"$W/said"
hears() { # WORD: the next thing that it says
    local line
    read -r -t 60 -u "$said" line && [ "$line" = "$1" ] || die "not '$1': '${line:-}' $(cat "$W/err")"
}
mark() { echo "$1" >&"$tell"; hears marked; }
hears 'now A'
mark silence
take a
sleep 0.3
give b
hears 'now B'
mark both
give a # as after a takeover from a machine that still answers
until grep -q '^two .* arp [AB] [AB]$' "$W/log"; do mark more; sleep 0.05; done
take a
mark one
sleep 0.6
mark deaf
fault_deaf b # it hears nobody, so that nobody has an answer
sleep 0.2
heal_deaf b
sleep 0.2
mark end
wait $prober || fail "the prober: $(cat "$W/err")"

read -r from to < <(awk '$1 == "gap" && $4 == "A" && $5 == "B" { print $2, $3; exit }' "$W/log")
begun=$(awk '$1 == "mark" && $3 == "silence" { print $2 }' "$W/log")
awk -v f="${from:-0}" -v t="${to:-0}" -v b="$begun" 'BEGIN { exit !(f >= b - 5 && t - f >= 300 && t - f < 5000) }' || fail "300 ms of silence from $begun: $(grep ^gap "$W/log")"
[ "$(grep -c '^id .* A B ' "$W/log")" -ge 1 ] || fail "no move: $(grep ^id "$W/log" | head)"
awk '$1 == "mark" && $3 == "both" { on = $2 } $1 == "mark" && $3 == "one" { on = 0; one = $2 } $1 == "two" && !on && (!one || $2 > one + 100) { bad = 1 } END { exit bad }' "$W/log" ||
    fail "two at a time when there was one: $(grep '^two\|^mark' "$W/log" | head)"
awk '$1 == "mark" && $3 == "deaf" { on = $2 } $1 == "gap" && on && $2 >= on - 5 && $3 - $2 >= 200 { found = 1 } END { exit !found }' "$W/log" || fail "a machine that heard nobody: $(tail -n 5 "$W/log")"
grep -q '^0 udp A*\.\{200\}' "$W/every" || grep -q '^[01] udp .*\.\{100\}' "$W/every" || fail "the lines of each ms: $(cut -c1-120 "$W/every")"
read -r _ at questions udp arp _ < <(tail -n 1 "$W/log")
awk -v t="$at" -v q="$questions" -v u="$udp" -v a="$arp" 'BEGIN { exit !(q <= t + 1 && u > 0 && a > 0 && u <= q + 0) }' || fail "the end: $(tail -n 1 "$W/log")"
exit $failed
