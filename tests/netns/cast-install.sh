#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nodes get their image by one cast: the real orthrusd casts, and the imager's own code (tests/lab/bring_tool.c) receives, in a network
# of namespaces. Three at once cost the head's line one time the image; one that is killed goes on where it was; one that hears no
# multicast gets all over HTTPS; when a node is removed the others go on with keys that it never had.
set -u
# shellcheck source=tests/netns/cast_nodes.bash
. "$(dirname "$0")/cast_nodes.bash"
cast_network 4 4
ip netns exec n4 nft 'add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; add rule inet deaf in ip daddr 224.0.0.0/4 drop' || die "nft"
make_site --trust-mac --ipv6 off
change_site '.cast = {gather: 3}'
cast_head
pki=$root/var/lib/orthrus/pki

# --- three at once: one time the bytes on the head's line
"$orthrus" cast status --watch >"$work/watch" 2>&1 &
watch=$!
before=$(sent)
order 'n[01-03]'
for n in 1 2 3; do begin $n; done
for n in 1 2 3; do ended $n; same $n; done
bytes=$(($(of 1 cast) + $(of 1 https)))
[ "$bytes" -gt $((8 * MIB)) ] || die "the image has $bytes bytes: $(last 1)"
wire=$((($(sent) - before) * 100 / bytes))
for n in 1 2 3; do
    [ "$(of $n casts)" = 1 ] || fail "n0$n took part in $(of $n casts) casts: $(last $n)"
    [ "$(of $n https)" -lt $((bytes / 20)) ] || fail "n0$n: $(last $n)"
    [ "$(state_of "n0$n")" = installed ] || fail "n0$n is $(state_of "n0$n")"
done
[ "$(casts | jq '.casts | length')" = 1 ] || fail "not one cast: $(casts)"
[ "$wire" -lt 125 ] || fail "three nodes took $wire % of the image's bytes from the head's line"
echo "three nodes at once: $wire % of the image's bytes on the head's line"
watched() { for n in 1 2 3; do grep -q "^n0$n .*100 %" "$work/watch" || return 1; done; }
for _ in $(seq 200); do watched && break; sleep 0.05; done
kill $watch 2>/dev/null; wait $watch 2>/dev/null
for n in 1 2 3; do grep -q "^n0$n .*100 %" "$work/watch" || fail "cast status --watch does not show n0$n at its end: $(tail -n 5 "$work/watch")"; done
for _ in $(seq 200); do "$orthrus" event list | grep -q cast-over && break; sleep 0.05; done
"$orthrus" event list | grep -q cast-over || fail "no event tells its end"

# --- one is killed and comes again, one is deaf
anew
apply '.cast = {gather: 1, rate_mbit: 32}'
order 'n[01-04]'
for n in 1 2 3 4; do begin $n; done
until_at n03 40
kill -9 "${pid[3]}"; wait "${pid[3]}" 2>/dev/null
begin 3
for n in 1 2 3 4; do ended $n; same $n; done
[ "$(of 3 before)" -gt 0 ] || fail "n03 began anew: $(last 3)"
[ "$(of 3 cast)" -gt 0 ] || fail "n03 got nothing by the cast when it came again: $(last 3)"
[ $(($(of 3 before) + $(of 3 cast) + $(of 3 https))) -ge "$(of 1 cast)" ] || fail "n03: $(last 3)"
[ "$(of 4 cast)" = 0 ] || fail "n04 heard the cast"
[ "$(of 4 https)" -ge $((bytes * 9 / 10)) ] || fail "n04: $(last 4)"
for n in 1 2; do [ "$(of $n https)" -lt $((bytes / 20)) ] || fail "n0$n suffered from the others: $(last $n)"; done
resumed=$(of 3 before)
echo "killed at 40 % and back: had $(of 3 before), got $(of 3 cast) by the cast and $(of 3 https) over HTTPS; deaf: $(of 4 https) over HTTPS"

# --- a node that has the key is removed: the others go on by another cast
anew
order 'n[01-02,04]'
for n in 1 2; do begin $n; done
# n04 is curl here, with the keys that it has.
keys=$work/keys4 id=$("$orthrus" image list --json | jq -r '.images[0].id')
request --cacert "$pki/ca.crt" --cert "$keys/node.crt" --key "$keys/node.key" -X POST -H 'Content-Type: application/json' \
    --data-binary "$(jq -cn --arg id "$id" '{image: "compute", id: $id}')" "https://10.77.0.1:8443/v1/imager/cast"
want 200 "n04's ticket"
[ "$(value .state)" = ticket ] || fail "n04 gets no ticket: $(head -c 300 "$body")"
old_key=$(value .ticket.group_key) old_cast=$(value .ticket.cast)
until_at n01 20
"$orthrus" node remove n04 --force --yes >"$work/out" 2>&1 || fail "remove: $(cat "$work/out")"
grep -q 'cast that n04 could read ends' "$work/out" || fail "the command does not say that the cast ended: $(cat "$work/out")"
for n in 1 2; do
    ended $n; same $n
    [ "$(of $n casts)" = 2 ] || fail "n0$n took part in $(of $n casts) casts, not in 2: $(last $n)"
done
[ "$(casts | jq --argjson c "$old_cast" '[.casts[] | select(.cast == $c)][0].runs')" = false ] || fail "the old cast goes on"
[ -n "$old_key" ] || fail "no key"
echo "removed while it ran: n01 $(of 1 text); n02 $(of 2 text)"

# --- an administrator says no
anew
apply '.cast.rate_mbit = 8' # there is time to end it
order n01
begin 1
until_at n01 10
"$orthrus" cast stop compute --plan >"$work/out" 2>&1 || fail "cast stop --plan: $(cat "$work/out")"
grep -q 'end the cast of compute/' "$work/out" || fail "cast stop --plan: $(cat "$work/out")"
"$orthrus" cast stop compute </dev/null >"$work/out" 2>&1; [ $? = 3 ] || fail "cast stop without a word: $(cat "$work/out")"
"$orthrus" cast stop compute --yes >"$work/out" 2>&1 || fail "cast stop: $(cat "$work/out")"
ended 1; same 1
[ "$(of 1 casts)" = 1 ] && [ "$(of 1 https)" -gt 0 ] || fail "its cast was stopped: $(last 1)"
"$orthrus" cast stop nothing --yes >"$work/out" 2>&1 && fail "a cast that is none was stopped: $(cat "$work/out")"
anew
order n01 --no-cast
begin 1
ended 1; same 1
[ "$(of 1 casts)$(of 1 cast)" = 00 ] || fail "--no-cast: $(last 1)"
[ "$failed" = 0 ] && echo "RESULT cast_install wire_percent=$wire resumed_bytes=$resumed seconds=$SECONDS"
exit $failed
