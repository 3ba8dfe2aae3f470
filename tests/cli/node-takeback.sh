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

# The password of a BMC that is taken back goes with it, and does not come again with the next one.
(umask 077; echo secret-word >"$work/password")
set_node --bmc 127.0.0.1 --bmc-user u --bmc-password-file "$work/password"
[ "$(node_value n01 .bmc.password_set)" = true ] || fail "no password is set: $(node_value n01 .bmc)"
set_node --bmc ''
grep -q 'BMC password forgotten' "$work/out" || fail "it is not said that the password is forgotten: $(cat "$work/out")"
set_node --bmc 127.0.0.1
[ "$(node_value n01 .bmc.password_set)" = false ] || fail "the password is still there: $(node_value n01 .bmc)"
set_node --bmc '' --bmc-user ''

# An empty address is the one that follows again; who has no other needs one.
follows=$(node_value n01 .ipv6)
set_node --ipv6 fd00:1:2:3::99
set_node --ipv6 ''
[ "$(node_value n01 .ipv6)" = "$follows" ] || fail "--ipv6 '': $(node_value n01 .ipv6)"
"$orthrus" node set n01 --ipv4 '' >/dev/null 2>"$work/err"; rc=$?
[ $rc = 2 ] && grep -q 'n01: has no IPv4 address' "$work/err" || fail "--ipv4 '' of a node with no other: exit $rc: $(cat "$work/err")"
# Who is in the way of an IPv6 address that follows gets another by the command that is named.
"$orthrus" node add n02 --group compute --mac 52:54:00:00:00:02 --ipv4 10.77.0.9 >/dev/null || fail "n02"
set_node --ipv6 fd00:1:2:3::10
"$orthrus" node set n02 --ipv4 10.77.0.16 >/dev/null 2>"$work/err" && fail "an address twice"
grep -q 'orthrus node set n02 --ipv6 ADDRESS' "$work/err" || fail "the next step of an IPv6 address that is taken: $(cat "$work/err")"
set_node --ipv6 auto
"$orthrus" node remove n02 --yes >/dev/null || fail "n02 goes"

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
    [ $rc = 2 ] && grep -q "programs take '$name' for " "$work/err" || fail "node add $name: exit $rc: $(cat "$work/err")"
done
[ "$(digest)" = "$before" ] || fail "a refused name changed the state"
exit $failed
