#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two images are cast at a time. And casts that are ended on purpose: by an administrator, by the site; nodes go on over HTTPS, since no
# other cast is wanted.
set -u
# shellcheck source=tests/netns/cast_nodes.bash
. "$(dirname "$0")/cast_nodes.bash"
cast_network 4 4
make_site --trust-mac --ipv6 off
change_site '.cast = {gather: 2, rate_mbit: 16}' # an image takes four seconds
cast_head

# --- two images at a time, each in a group of its own
image login 8
order 'n[01-02]'
order 'n[03-04]' --image login
for n in 1 2 3 4; do begin $n; done
for n in 1 3; do until_at n0$n 20; done
[ "$(running)" = 2 ] || fail "not two casts: $(casts)"
[ "$(casts | jq '[.casts[] | select(.runs) | .group] | unique | length')" = 2 ] || fail "both in one group: $(casts)"
by_casts 1 98 1 2
for n in 3 4; do
    ended $n; same $n login
    [ "$(of $n casts)" = 1 ] && [ "$(of $n https)" -lt $((bytes / 50)) ] || fail "the other image: $(last $n)"
done
echo "two at a time: n01 $(of 1 text); n03 $(of 3 text)"
anew

# --- an administrator stops it: it lasts, over a restart too
order 'n[01-03]'
for n in 1 2; do begin $n; done
for n in 1 2; do until_at n0$n 20; done
"$orthrus" cast stop compute --yes >"$work/out" 2>&1 || fail "cast stop: $(cat "$work/out")"
grep -q 'ended the cast of compute/.*HTTPS' "$work/out" || fail "cast stop does not say what it ended: $(cat "$work/out")"
grep -q 'orthrus cast resume compute/' "$work/out" || fail "cast stop does not say how it is taken back: $(cat "$work/out")"
for n in 1 2; do
    ended $n; same $n
    [ "$(of $n casts)" = 1 ] && [ "$(of $n cast)" -gt 0 ] && [ "$(of $n https)" -gt 0 ] || fail "its cast was stopped: $(last $n)"
    [ $(($(of $n cast) + $(of $n https))) = "$bytes" ] || fail "n0$n has not $bytes bytes: $(last $n)"
    of $n text | grep -q 'stopped by' || fail "n0$n does not say why: $(last $n)"
done
stop_daemon TERM
start_daemon
begin 3
ended 3; same 3
[ "$(of 3 casts) $(of 3 cast) $(of 3 https)" = "0 0 $bytes" ] || fail "n03 asked after the stop: $(last 3)"
of 3 text | grep -q 'stopped by' || fail "n03 does not say why: $(last 3)"
[ "$(casts | jq '.casts | length')" = 0 ] || fail "a stopped image is cast: $(casts)"
stopped() { casts | jq '.stopped | length'; }
# That was its last order: the next one gets a cast.
for _ in $(seq 400); do [ "$(stopped)" = 0 ] && break; sleep 0.02; done
[ "$(stopped)" = 0 ] || fail "the stop outlives the orders: $(casts)"
echo "stopped: n01 $(of 1 text); n03 $(of 3 text)"
anew
order 'n[01-02]'
"$orthrus" cast stop --yes >"$work/out" 2>&1 || fail "cast stop of what is ordered: $(cat "$work/out")"
"$orthrus" cast status >"$work/out" 2>&1
grep -q 'compute/.*not cast until no node is ordered' "$work/out" || fail "cast status does not say it: $(cat "$work/out")"
begin 1
ended 1; same 1
[ "$(of 1 casts) $(of 1 https)" = "0 $bytes" ] || fail "n01 asked after the stop: $(last 1)"
"$orthrus" cast resume compute >"$work/out" 2>&1 || fail "cast resume: $(cat "$work/out")"
begin 2
by_casts 1 98 2
"$orthrus" cast resume compute >"$work/out" 2>&1 && fail "what is not stopped was resumed: $(cat "$work/out")"
"$orthrus" audit show --json | grep -q 'cast stop compute' || fail "the audit log does not name the image: $("$orthrus" audit show | tail -n 5)"
anew

# --- the site wants no casts any more
order n01
begin 1
until_at n01 20
apply '.cast.mode = "off"'
grep -q 'end the casts that run' "$work/out" || fail "site apply does not say what it ends: $(cat "$work/out")"
ended 1; same 1
[ "$(of 1 casts)" = 1 ] && [ "$(of 1 https)" -gt 0 ] || fail "the site casts no more: $(last 1)"
apply '.cast.mode = "auto"'
[ "$failed" = 0 ] && echo "RESULT cast_stop seconds=$SECONDS"
exit $failed
