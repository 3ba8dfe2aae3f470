#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An installation of many nodes is shown and ordered at once, however long the answer with all their steps is.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
NODES=100
LONG=$((16 << 20)) # bytes of an answer that other requests take at most

mac() { printf '52:54:00:00:00:%02x' "$1"; }

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
macs=$(for i in $(seq $NODES); do mac "$i"; echo; done | paste -sd,)
"$orthrus" node add "n[001-$NODES]" --group compute --mac "$macs" >/dev/null || die "node add"
port=$(tls_port)
# Disks with much on them: a plan names all of it.
machine @MAC@ @SERIAL@ | jq -c '.disks[].found = [range(450) | "partition \(.): " + ("x" * 200)]' >"$work/machine"
for i in $(seq $NODES); do
    sed "s/@MAC@/$(mac "$i")/g; s/@SERIAL@/S$i-/g" "$work/machine" >"$work/hello"
    enrol "$(mac "$i")" "$(machine "$(mac "$i")" "S$i-")"
    imager "$(mac "$i")" POST /v1/imager/hello @"$work/hello"
    [ "$status" = 200 ] || die "hello of node $i: $status $(head -c 600 "$body")"
done
jq -cn --argjson n $NODES '{plan: true, nodes: [range(1; $n + 1) | "n" + (("00" + tostring)[-3:])]}' >"$work/plan"
api POST /v1/install @"$work/plan"; want 200 'plan of all'
[ "$(stat -c %s "$body")" -gt $LONG ] || die "the answer has only $(stat -c %s "$body") bytes: nothing would be tested"

"$orthrus" node install "n[001-$NODES]" --plan >"$work/out" 2>"$work/err" || fail "plan: $(cat "$work/err")"
[ "$(grep -c '^n[0-9]*: install compute/' "$work/out")" = $NODES ] || fail "not every node is shown"
"$orthrus" node install "n[001-$NODES]" --yes >"$work/out" 2>"$work/err" || fail "install: $(cat "$work/err")"
[ "$("$orthrus" node list --json | jq '[.nodes[] | select(.state == "ordered")] | length')" = $NODES ] || fail "not every node is ordered"
[ "$failed" = 0 ] && echo ok
exit $failed
