#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An installation that was ordered for many nodes by mistake can be taken back for all of them at once.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
NODES=1100 # of each four documents are written; one write of the state holds 4096

start_daemon
"$orthrus" site init --interface eth0 --head-name head1 --subnet 10.77.0.0/16 --head-address 10.77.0.1 --trust-mac >/dev/null
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
perl -e 'print "name,group,mac\n"; printf "n%04d,compute,52:54:00:00:%02x:%02x\n", $_, $_ >> 8, $_ & 255 for 1 .. shift' $NODES >"$work/csv"
"$orthrus" node import "$work/csv" >/dev/null || die "node import"
"$orthrus" node install "n[0001-$NODES]" --accept-disks-unseen --yes >/dev/null || die "node install"

# A plan withdraws nothing, and the log does not say so.
"$orthrus" node boot "n[0001-$NODES]" --disk --plan >"$work/out" || fail "plan"
[ "$(grep -c ': withdraw the installation' "$work/out")" = $NODES ] || fail "the plan does not show all"
! grep -q 'was withdrawn' "$work/log" || fail "the log has what was only a plan: $(grep -m1 'was withdrawn' "$work/log")"
"$orthrus" node boot "n[0001-$NODES]" --disk >"$work/out" 2>"$work/err" || fail "node boot --disk: $(cat "$work/err")"
[ "$("$orthrus" node list --json | jq '[.nodes[] | select(.state == "new" and .boot == "disk")] | length')" = $NODES ] || fail "not all are taken back"
[ "$(grep -c 'was withdrawn' "$work/log")" = $NODES ] || fail "the log does not have each once"
[ "$("$orthrus" event list --limit 2000 --json | jq -se 'map(select(.kind == "install-withdrawn")) | length')" = $NODES ] || fail "not each is an event"
[ "$failed" = 0 ] && echo ok
exit $failed
