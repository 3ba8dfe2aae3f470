#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# As cast-diagnose: packets that are too large, a bad link, a sender without a head, a switch that forgets who wants the cast.
set -u
# shellcheck source=tests/netns/cast_diagnose.bash
. "$(dirname "$0")/cast_diagnose.bash"

echo "--- large packets do not come through"
fault n2 'udp dport 4600 meta length > 1400 drop'
install 1 2 3
all_ended 1 2 3
shows mtu 'Packets of 1476 bytes do not reach n02, small ones do'
mended n2

echo "--- a link is half duplex"
install 1 2 5
all_ended 1 2 5
shows duplex 'The link of n05 is half duplex'
[ "$(newest '.nodes[] | select(.node == "n05") | .link | "\(.interface) \(.speed_mbit) \(.duplex)"')" = "eth0 100 half" ] || fail "the link of n05: $(newest .nodes)"

echo "--- the head's own interface takes no packets of that size"
ip link set eth0 mtu 1400
install 1 2
all_ended 1 2
shows mtu "The sender's own interface takes packets of 1400 bytes, and the cast's have 1476"
ip link set eth0 mtu 1500

# send_file WORDS-OF-THE-SENDER...: guest1 and, without any privilege, guest2 receive it; all to their end
chmod 711 "$work"; mkdir -m 777 "$work/guest"
send_file() {
    rm -f "$work/token" "$work/guest"/*
    "$orthrus" cast send "$work/tree-compute/usr/bin/large" --interface eth0 --receivers 2 --token-file "$work/token" "$@" >"$work/sent" 2>"$work/err" </dev/null &
    sender=$!
    for _ in $(seq 200); do [ -s "$work/token" ] && break; sleep 0.05; done
    for n in 1 2; do
        local as=(); [ $n = 1 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all)
        ip netns exec "n$n" unshare --uts sh -c "hostname guest$n; exec \"\$@\"" sh "${as[@]}" "$orthrus" cast receive "$work/guest/$n" --token-file - <"$work/token" >"$work/out$n" 2>&1 &
        pid[$n]=$!
    done
    for n in 1 2; do wait "${pid[$n]}" || fail "receive: $(cat "$work/out$n")"; cmp "$work/tree-compute/usr/bin/large" "$work/guest/$n" || fail "guest$n has other bytes"; done
    wait $sender || fail "send: $(cat "$work/sent" "$work/err")"
}
echo "--- a sender without a head, whose firewall lets tickets be asked for and drops reports"
fault head 'udp dport 4700 counter drop'
send_file --port 4700 --gather 8 --wait 3
grep -qE '^! guest[12] and guest[12] have a ticket, but no report arrives at UDP 10.77.0.1:4700: see whether a firewall on the sender' "$work/sent" || fail "send does not say it: $(cat "$work/sent")"
grep -q 'no report arrives at UDP 10.77.0.1:4700' "$work/err" || fail "send does not warn while it waits: $(cat "$work/err")"
mended head

# A small receive buffer can't be made here: the limit is the whole machine's. But what the finding says is what the file has.
grep -qx 'net.core.rmem_max = 33554432' "$TOP/packages/60-orthrus.conf" || fail "60-orthrus.conf says something else than the finding"

echo "--- a switch that snoops, and nobody asks: it forgets members after 3 s"
ip -n switch link set sw type bridge mcast_snooping 1 mcast_membership_interval 300
apply '.cast.querier = "off" | .cast.rate_mbit = 12'
# A router has asked once and is gone: from then on the switch believes that it knows who wants what.
ip netns exec n9 "$querier" eth0 4 200 200 >"$work/router" 2>&1 &
router=$!
for _ in $(seq 200); do grep -q 'ipv4 this head' "$work/router" && break; sleep 0.05; done
kill $router; wait $router 2>/dev/null
install 1 2 3
all_ended 1 2 3
# They ask again, go on in this cast or in another one, and hear it until it is forgotten again: it is said of the first in any case.
"$orthrus" cast status >"$work/out"
for what in 'n01, n02 and n03 heard the cast, and at once no more' 'set cast.querier to "auto"'; do
    grep '^! ' "$work/out" | grep -qF -- "$what" || fail "status does not say '$what': $(cat "$work/out")"
done
curl -s --unix-socket "$sock" http://x/v1/casts | jq -e 'any(.casts[].findings[]; .kind == "no-querier")' >/dev/null || fail "no cast has this finding"
# At a terminal lines are broken between words; a pipe gets each finding as one line.
script -qec "stty cols 72; '$orthrus' cast status" /dev/null </dev/null | tr -d '\r' >"$work/out"
head -n 9 "$work/out"
awk 'length > 71 && (/^! / || /^  /) { exit 1 }' "$work/out" || fail "findings are not broken at 72 columns: $(cat "$work/out")"
tr '\n' ' ' <"$work/out" | tr -s ' ' | grep -qF 'set cast.querier to "auto" in site.json, or enable a querier on a switch or router.' || fail "words are lost: $(cat "$work/out")"
[ "$failed" = 0 ] && echo "RESULT cast_diagnose2 faults=6 seconds=$SECONDS"
exit $failed
