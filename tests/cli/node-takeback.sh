#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What was set of a node is taken back by an empty value; an address that follows from the other family's becomes the node's own;
# names that programs take for something else are no nodes'.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
mac=52:54:00:00:00:01
set_node() { "$orthrus" node set n01 "$@" >"$work/out" 2>"$work/err" </dev/null || fail "node set $*: $(cat "$work/err")"; }

make_site --ipv6 fd00:1:2:3::/64
start_daemon
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add n01 --group compute --mac $mac --ipv4 10.77.0.7 >/dev/null || die "node add"

set_node --image compute --layout raid1 --serial S --switch sw --port 1 --bmc 127.0.0.1 --bmc-user u --bmc-protocol ipmi
set_node --image '' --layout '' --serial '' --switch '' --port '' --bmc '' --bmc-user '' --bmc-protocol ''
[ "$(node_value n01 '[.image, .layout, .serial, .switch, .port] | tojson')" = '[null,null,null,null,null]' ] || fail "not taken back: $(node_value n01 .)"
"$orthrus" node show n01 | grep -q BMC && fail "the BMC was not taken back: $("$orthrus" node show n01)"
"$orthrus" node set n01 --group '' >/dev/null 2>&1; rc=$?
[ $rc = 2 ] || fail "a node without a group: exit $rc"

# The address that it has is made its own: then the other family can go.
own=$(node_value n01 .ipv6)
set_node --ipv6 "$own"
grep -q 'IPv4 and IPv6' "$work/out" || fail "its own address: $(cat "$work/out")"
set_node --ipv6 "$own"
grep -q 'nothing to change' "$work/out" || fail "twice: $(cat "$work/out")"
site=$root/etc/orthrus/site.json
jq 'del(.networks[0].ipv4, .heads[0].ipv4)' "$site" >"$work/site" && cp "$work/site" "$site"
"$orthrus" site apply --yes >/dev/null 2>"$work/err" || fail "IPv6 only: $(cat "$work/err")"
[ "$(node_value n01 .ipv6)" = "$own" ] || fail "it has another address now: $(node_value n01 .ipv6)"

before=$(digest)
for name in localhost ip6-localhost 12 0x7f000001; do
    "$orthrus" node add $name --group compute --mac 52:54:00:00:00:09 >/dev/null 2>"$work/err"; rc=$?
    [ $rc = 2 ] && grep -q "$name: programs take this" "$work/err" || fail "node add $name: exit $rc: $(cat "$work/err")"
done
[ "$(digest)" = "$before" ] || fail "a refused name changed the state"
exit $failed
