#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# enrol.trust_mac: a MAC address makes a machine a node that has no key, or that the administrator wants installed; it takes no key away
# from a node that works. A machine that was rejected stays rejected.
set -u
. "$TOP/tests/cli/daemon.bash"
mac() { printf '52:54:00:00:00:%02x' "$1"; }
mac1=$(mac 1) mac2=$(mac 2) mac3=$(mac 3) mac4=$(mac 4)
approved() { want 200 "$1"; [ "$(value '.state + " " + (.node // "")')" = "approved $2" ] || fail "$1: $(cat "$body")"; }
pending() { want 200 "$1"; [ "$(value .state)" = pending ] || fail "$1: $(cat "$body")"; }
as() { make_keys "$1"; enrol "$1" "$(machine "$2" "$3")" '' "${4:-}"; } # KEY MAC SERIAL [QUERY]
waiting() { curl -s --unix-socket "$sock" http://x/v1/pending | jq -r --arg m "$1" "[.pending[] | select(.mac == \$m) | $2 | tostring] | join(\" \")"; }
seq=0
event() { # KEY INSTALL-ID STEP RESULT
    seq=$((seq + 1))
    imager "$1" POST /v1/imager/event "$(jq -cn --arg i "$2" --argjson q $seq --arg s "$3" --arg e "$4" '{install_id:$i, seq:$q, step:$s, event:$e}')"
    want 200 "event $3 $4"
}
order() { # NODE
    shown_of "$1"
    api POST /v1/install "{\"nodes\":[\"$1\"],\"digests\":$shown}"; want 200 "install $1"
}

start_daemon
make_site
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
"$orthrus" node add 'n[01-04]' --mac "$mac1,$mac2,$mac3,$mac4" --group compute >/dev/null || die "node add"
port=$(tls_port)
settle

# Rejected by its key before the site trusts MAC addresses, and afterwards; another key with that MAC address is not.
as rejected "$mac3" C; pending 'a machine, while MAC addresses are not trusted'
"$orthrus" node reject n03 --yes >"$work/out" 2>&1 || fail "reject: $(cat "$work/out")"
site=$root/etc/orthrus/site.json
jq '.enrol.trust_mac = true' "$site" >"$work/site" && cp "$work/site" "$site"
"$orthrus" site apply --yes >/dev/null 2>"$work/err" || die "site apply: $(cat "$work/err")"
before=$(digest)
for _ in 1 2; do as rejected "$mac3" C; want 403 'a rejected machine, with trust_mac'; body_has 'rejected this machine' 'a rejected machine'; done
[ "$before" = "$(digest)" ] || fail "a rejected machine changes the state"
as third "$mac3" C; approved "another machine with the MAC address of a rejected one" n03
as again "$mac3" C; pending "another key of it in the same moment"
"$orthrus" node approve n03 --yes >"$work/out" 2>&1 || fail "approve n03: $(cat "$work/out")"
as again "$mac3" C; approved 'the key that somebody approved' n03
as rejected "$mac3" C; pending "the rejected one, when the node has another key"

# A node that has a key keeps it.
as first "$mac1" A; approved 'a node without a key' n01
"$orthrus" event list --json | grep -q 'node-approved.*MAC address alone' || fail "it is not told as an event"
hello first "$(machine "$mac1" A)"; want 200 'hello of n01'
as second "$mac2" B; approved 'n02' n02
"$orthrus" node boot n02 --diskless >"$work/out" 2>&1 || fail "boot --diskless: $(cat "$work/out")"
as installed "$mac4" D; approved 'n04' n04
hello installed "$(machine "$mac4" D)"; want 200 'hello of n04'
order n04
hello installed "$(machine "$mac4" D)"; want 200 'hello of n04'
id=$(value .order.install_id)
event installed "$id" wipe:a begin; event installed "$id" wipe:a 'done'
imager installed POST /v1/imager/done "{\"install_id\":\"$id\"}"; want 200 'done'
[ "$(node_value n04 .state)" = installed ] || fail "n04 is $(node_value n04 .state)"
"$orthrus" node boot n04 --diskless >"$work/out" 2>&1 || fail "boot --diskless: $(cat "$work/out")"
order n01

# All of them when the keys are older than a moment: who still waits then is told so, or is the node.
pids=""
for try in "one $mac1 A" "two $mac2 B" "three $mac3 C" "four $mac4 D"; do
    # shellcheck disable=SC2086
    set -- $try
    as "$@"; pending "$1, whose node has a key for a moment"
    ( body=$work/body-$1; as "$@" '?wait=6'; echo "$status $(value '.state + " " + (.node // "")')" >"$work/late-$1" ) &
    pids="$pids $!"
done
# shellcheck disable=SC2086
wait $pids
[ "$(cat "$work/late-one")" = '200 approved n01' ] || fail "a new key of a node that is ordered to be installed: $(cat "$work/late-one")"
[ "$(cat "$work/late-two")" = '200 approved n02' ] || fail "a new key of a node that runs from memory: $(cat "$work/late-two")"
[ "$(cat "$work/late-three")" = '200 pending ' ] || fail "n03's MAC address with another key: $(cat "$work/late-three")"
[ "$(cat "$work/late-four")" = '200 pending ' ] || fail "n04, installed, shall run without its disks, and another key comes: $(cat "$work/late-four")"
for key in again installed; do imager $key GET /v1/imager/orders; want 200 "a node after somebody else came with its MAC address"; done
[ "$(waiting "$mac4" '.node, .other_key')" = 'n04 true' ] || fail "the administrator is not told that n04 has another key: $(waiting "$mac4" .)"
as one "$mac1" A; approved 'n01 itself' n01
imager first GET /v1/imager/orders; want 403 'the key that n01 had before'

# The administrator's word: another machine in its place, or this key.
"$orthrus" node replace n03 --mac "$(mac 9)" --yes >"$work/out" 2>&1 || fail "replace: $(cat "$work/out")"
grep -q 'n03: it gets no address.*confirmed' "$work/out" || fail "the address is not said: $(cat "$work/out")"
# The same card in another machine: its MAC address is served as before, and nothing else is said.
"$orthrus" node replace n03 --mac "$(mac 9)" --yes >"$work/out" 2>&1 || fail "replace, with the same MAC address: $(cat "$work/out")"
! grep -q 'gets no address' "$work/out" || fail "what did not happen is confirmed: $(cat "$work/out")"
as ninth "$(mac 9)" N; approved 'the machine that takes a place' n03
"$orthrus" node approve n04 --yes >"$work/out" 2>&1 || fail "approve n04: $(cat "$work/out")"
as four "$mac4" D; approved 'the key that was approved' n04
[ "$failed" = 0 ] && echo ok
exit $failed
