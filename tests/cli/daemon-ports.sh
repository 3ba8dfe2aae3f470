#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A node with two ports: known by either of them, one address for both, and an order that lets it use whichever has the cable.
set -u
. "$TOP/tests/cli/daemon.bash"
first=52:54:00:00:00:01 second=52:54:00:00:01:01

order_of() { # MAC [SERIAL-PREFIX]: the order as the machine is told it when it comes by this port
    hello "$1" "$(machine "$1" "${2:-A}")"
    want 200 "hello of $1"
    value '[.node, .action, .order.mac, .order.more_macs] | tojson'
}

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
"$orthrus" node add n01 --mac $first,$second --group compute >/dev/null || die "node add n01"
"$orthrus" node add n02 --mac 52:54:00:00:00:02 --group compute >/dev/null || die "node add n02"
port=$(tls_port)
# One machine, whichever port it comes by: it has one key.
make_keys $first
for f in key csr seal; do cp "$(at_of $first).$f" "$(at_of $second).$f"; done
hello $second "$(machine $second A)"; want 200 'hello by the second port'
hello 52:54:00:00:00:02 "$(machine 52:54:00:00:00:02 B)"; want 200 'hello of n02'
"$orthrus" node install n01,n02 --yes >"$work/out" 2>&1 || fail "install: $(cat "$work/out")"
for mac in $first $second; do
    got=$(order_of "$mac")
    [ "$got" = "[\"n01\",\"install\",\"$first\",[\"$second\"]]" ] || fail "by $mac the order is $got"
done
got=$(order_of 52:54:00:00:00:02 B)
[ "$got" = '["n02","install","52:54:00:00:00:02",null]' ] || fail "a node with one port: $got"
addr=$(node_value n01 '.ipv4 // .address // .addr4')
grep -qxF "$first,$second,$addr,1h" "$root/run/orthrus/dnsmasq.dhcp-hosts" ||
    fail "dnsmasq is told: $(cat "$root/run/orthrus/dnsmasq.dhcp-hosts") (address $addr)"
[ "$failed" = 0 ] && echo ok
