#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# node boot --rescue: once or until something else is chosen; the machine's key beside that of the installed system, and gone with the node.
set -u
# shellcheck source=tests/cli/node-boot.bash
. "$TOP/tests/cli/node-boot.bash"
revoked() { ! ssh-keygen -Q -f "$root/var/lib/orthrus/ssh/revoked_keys" "$work/$1.pub" >/dev/null 2>&1; }

certify installed; want 200 "the installed system's key"

# --- once
before=$(digest)
run 0 node boot n01 --rescue --plan; says 'n01: run the rescue system at its next netboot, once'
[ "$(digest)" = "$before" ] || fail "--plan changes the state"
run 0 node boot n01 --net
run 0 node boot n01 --rescue
[ "$(node_value n01 .rescue)" = once ] && [ "$(node_value n01 .boot)" = net ] || fail "not kept: $(node_value n01 .)"
run 0 node show n01; says '^rescue  *once'
run 0 node boot n01 --rescue --json
jq -e '.steps == []' "$work/out" >/dev/null || fail "the same again: $(cat "$work/out")"
[ "$(action)" = rescue ] || fail "not sent to be rescued: $(cat "$body")"
[ "$(action)" = rescue ] || fail "over before it is up: $(cat "$body")"
imager '' POST /v1/hostkey "$(question rescue '{rescue:true}')"; want 403 "anybody"
certify rescue '{rescue:1}'; want 400 "no boolean"
certify rescue '{rescue:true}'; want 200 "the rescue system's key"
value '.certificate | rtrimstr("\n")' >"$work/rescue-cert.pub"
ssh-keygen -L -f "$work/rescue-cert.pub" | grep -q 'host certificate' || fail "no certificate: $(cat "$body")"
before=$(digest) lines=$(wc -l <"$root/var/log/orthrus/audit.log")
for i in 1 2 3; do certify rescue '{rescue:true}'; want 200 "once more ($i), when the answer was lost"; done
[ "$before" = "$(digest)" ] && [ "$lines" = "$(wc -l <"$root/var/log/orthrus/audit.log")" ] || fail "a node that asks again writes each time"
[ "$(node_value n01 .rescue)" = null ] && [ "$(node_value n01 .boot)" = net ] || fail "not over: $(node_value n01 .)"
[ "$(action)" = wait ] || fail "rescued a second time: $(cat "$body")"
"$orthrus" event list | grep -q 'the rescue system runs' || fail "no event: $("$orthrus" event list)"
certify installed; want 200 "the installed system's key after the rescue"
certify rescue; want 200 "the same key, as the installed system asks"
certify installed; want 200 "it is not the one before, for all that"

# --- until something else is chosen
run 2 node boot n01 --net --stay; says 'is for --rescue'
run 2 node boot n01 --net --rescue
run 2 node boot n01 --stay
api POST /v1/boot '{"nodes":["n01"],"target":"disk","stay":true}'; want 400 "stay without rescue"
run 0 node boot n01 --rescue --stay; says 'until something else is chosen'
certify second '{rescue:true}'; want 200 "a second rescue system"
[ "$(action)" = rescue ] || fail "it does not stay: $(cat "$body")"
run 0 node boot n01 --disk
[ "$(node_value n01 .rescue)" = null ] && [ "$(action)" = disk ] || fail "--disk does not end it: $(cat "$body")"

# --- an order goes before it, and an ordered node is not rescued by mistake
run 0 node boot n01 --rescue --stay
shown_of n01
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":$shown}"; want 200 "the order: $(cat "$body")"
[ "$(node_value n01 .rescue)" = null ] && [ "$(action)" = install ] || fail "the order is not what it boots: $(cat "$body")"
run 3 node boot n01 --rescue; says 'an installation is ordered'
run 0 node boot n01 --disk

# --- removed: its passing key with it
revoked second && fail "revoked too early"
run 0 node remove n01 --yes
for _ in $(seq 100); do revoked second && break; sleep 0.1; done
revoked second && revoked rescue || fail "keys of a removed node are good"
certify second '{rescue:true}'; want 403 "a removed node"
exit $failed
