#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody fills the list of machines that wait: one address does not get all of it, and all of them are rejected by one command.
set -u
. "$TOP/tests/cli/daemon.bash"
mac() { printf '52:54:00:00:00:%02x' "$1"; }
pending() { want 200 "$1"; [ "$(value .state)" = pending ] || fail "$1: $(head -c 300 "$body")"; }
states() { curl -s --unix-socket "$sock" http://x/v1/pending | jq -r '[.pending[].state] | group_by(.) | map("\(length) \(.[0])") | join(", ")'; }
# large N: what a machine with 175 disks says of itself, some 58 KiB
machine MAC SERIAL | jq -c '.disks[0] as $d | .disks = [range(175) | . as $i | $d | .name = "sd\($i)" | .serial = "disk\($i)" |
    .model = "A DISK WITH A LONG NAME, AS SOME HAVE"]' >"$work/large"
large() { sed "s/MAC/$(mac "$1")/g; s/SERIAL/S$1/" "$work/large"; }

start_daemon
make_site
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
"$orthrus" node add n01 --mac "$(mac 2)" --group compute >/dev/null || die "node add"
port=$(tls_port)
settle
"$orthrus" node reject --all >"$work/out" 2>&1 </dev/null || fail "nothing to reject: $(cat "$work/out")"
grep -qx 'nothing to change' "$work/out" || fail "nothing to reject: $(cat "$work/out")"

# From one address (this one) until it has its share.
n=0
while [ $n -lt 80 ]; do
    n=$((n + 1))
    enrol "m$n" "$(large $n)"
    [ "$status" = 200 ] || break
    pending "machine $n"
done
want 403 "one machine too many ($n)"
body_has 'too many machines from 127.0.0.1 wait for approval' 'one machine too many'
body_has 'orthrus node reject --all' 'one machine too many'
n=$((n - 1))
[ $n -ge 30 ] && [ $n -le 60 ] || fail "$n machines wait"
[ "$(states)" = "$n pending" ] || fail "the list: $(states)"
curl -s --interface 127.0.0.9 --cacert "$root/var/lib/orthrus/pki/ca.crt" -H 'Content-Type: application/json' --data-binary @"$(at_of "m$((n + 1))").enrol" "https://127.0.0.1:$port/v1/enrol" |
    jq -e '.state == "pending"' >/dev/null || fail "another address gets no place"
n=$((n + 1))

before=$(digest)
"$orthrus" node reject --all n01 >"$work/out" 2>&1; rc=$?
[ $rc = 2 ] && grep -q 'neither NODESET nor' "$work/out" || fail "--all with a node: exit $rc: $(cat "$work/out")"
"$orthrus" node reject >"$work/out" 2>&1; rc=$?
[ $rc = 2 ] && grep -q -- '--all' "$work/out" || fail "reject of nothing: exit $rc: $(cat "$work/out")"
"$orthrus" node reject --all </dev/null >"$work/out" 2>&1; rc=$?
[ $rc = 3 ] && grep -q "reject all $n machines that wait, among them those that would be n01" "$work/out" || fail "without a word: exit $rc: $(cat "$work/out")"
"$orthrus" node reject --all --plan >"$work/out" 2>&1 || fail "--plan: $(cat "$work/out")"
[ "$(grep -c 'reject the machine with MAC' "$work/out")" = $n ] || fail "--plan: $(head -n 5 "$work/out")"
api POST /v1/reject "$(curl -s --unix-socket "$sock" http://x/v1/pending | jq -c '{fingerprints: ([.pending[].fingerprint] + ["00"])}')"
want 404 'one of them does not wait'
for _ in 1 2 3; do api POST /v1/reject '{"all":true}'; want 400 'a word that is not known'; done
[ "$before" = "$(digest)" ] || fail "something was rejected"
"$orthrus" node reject --all --yes --json >"$work/out" 2>&1 || fail "reject --all: $(cat "$work/out")"
[ "$(jq '.steps | length' "$work/out")" = $n ] || fail "--json: $(head -c 300 "$work/out")"
[ "$(states)" = "$n rejected" ] || fail "the list: $(states)"
[ "$("$orthrus" event list --json | grep -c "node-rejected.*$n machines that waited were rejected by uid 0")" = 1 ] || fail "not told as one event"
[ "$("$orthrus" event list --json | grep -c node-rejected)" = 1 ] || fail "told one by one: $("$orthrus" event list | grep reject)"
enrol m2 "$(large 2)"; want 403 'a rejected machine'; body_has 'rejected this machine' 'a rejected machine'
# They make room, as much as is needed.
enrol new "$(large 99)"; pending 'a machine that comes after that'
[ "$(states)" = "1 pending, $((n - 1)) rejected" ] || fail "the list: $(states)"
"$orthrus" node approve n01 --fingerprint "$(curl -s --unix-socket "$sock" http://x/v1/pending | jq -r --arg m "$(mac 2)" '.pending[] | select(.mac == $m) | .words')" --yes >"$work/out" 2>&1 ||
    fail "an approval takes it back: $(cat "$work/out")"
[ "$failed" = 0 ] && echo ok
exit $failed
