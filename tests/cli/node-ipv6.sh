#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nodes' IPv6 addresses: they follow from the IPv4 ones, or are given, or are the lowest free; what comes and goes with a family of the network.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
m=52:54:00:00:00
site=$root/etc/orthrus/site.json


start_daemon
run 0 site init --interface eth0 --subnet 10.77.0.0/24 --head-name head1 --ipv6 fd00:77::/48
says "head1 needs the address fd00:77::1/64 on eth0"
run 0 site apply --yes
[ "$(jq -r .networks[0].ipv6.subnet "$site")" = fd00:77::/64 ] || fail "the subnet is $(jq -c .networks "$site")"

# By place: the same host number. Or given, one after the other as they are written.
run 0 node add n1 --mac $m:01 --group compute
says "address 10.77.0.2, fd00:77::2, MAC"
has_addresses n1 10.77.0.2 fd00:77::2
run 0 node add n3,n2 --mac $m:03,$m:02 --group compute --ipv6 fd00:77::fffe
has_addresses n3 10.77.0.4 fd00:77::fffe
has_addresses n2 10.77.0.3 fd00:77::ffff
run 0 node set n1 --ipv4 10.77.0.200 --plan
says "n1: address from 10.77.0.2, fd00:77::2 to 10.77.0.200, fd00:77::c8"
run 0 node set n1 --ipv4 10.77.0.200
has_addresses n1 10.77.0.200 fd00:77::c8
run 0 node list
says "IPV6"
says "fd00:77::c8"
run 0 node show n1
says "fd00:77::c8"
run 0 node show n1 --json
[ "$(jq -r '.ipv4 + " " + .ipv6' "$work/out")" = "10.77.0.200 fd00:77::c8" ] || fail "node show --json: $(cat "$work/out")"

# Nobody's address twice, given or not.
before=$(digest)
run 1 node set n2 --ipv6 fd00:77::c8
says "fd00:77::c8 is n1's already"
run 1 node set n2 --ipv6 fd00:77::1
says "the head head1's"
run 2 node set n2 --ipv6 fd00:78::5
says "fd00:78::5 is no host address of the provision network"
run 2 node set n2 --ipv6 fd00:77::
run 2 node set n2 --ipv6 10.77.0.9
says "--ipv6: '10.77.0.9' is not an IPv6 address"
run 2 node set n2 --ipv4 auto,x
run 2 node set 'n[1-2]' --ipv6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
says "there are not 2 addresses from it on"
[ "$(digest)" = "$before" ] || fail "a refused change changed something"
run 0 node set n3 --ipv6 auto
has_addresses n3 10.77.0.4 fd00:77::4

# The address that it has anyway becomes its own by being said.
cp "$site" "$work/dual"
run 0 node set n3 --ipv6 fd00:77::4
says "address of its own from"
# IPv4 goes: each keeps the IPv6 address that it had, whether by its place or of its own.
change_site 'del(.networks[0].ipv4, .heads[0].ipv4)'
run 0 site apply --yes
says "n1: loses the address 10.77.0.200 on network provision"
has_addresses n1 null fd00:77::c8
has_addresses n3 null fd00:77::4
run 0 node set 'n[1-3]' --ipv6 fd00:77::a1
has_addresses n1 null fd00:77::a1
has_addresses n2 null fd00:77::a2
run 0 node list
grep -q 'n2 .*fd00:77::a2 ' "$work/out" || fail "node list: $(cat "$work/out")"
run 0 node add n4 --mac $m:04 --group compute
has_addresses n4 null fd00:77::2
run 2 node set n4 --ipv4 10.77.0.77
says "the provision network 'provision' has no IPv4"

# And it comes back: who had an address has it, who had none has the one of the same place.
cp "$work/dual" "$site"
run 0 site apply --yes
has_addresses n1 10.77.0.200 fd00:77::a1
has_addresses n4 10.77.0.2 fd00:77::2
run 0 node remove n4 --yes

# Without IPv6 nothing is left of it.
change_site 'del(.networks[0].ipv6, .heads[0].ipv6)'
run 0 site apply --yes
has_addresses n1 10.77.0.200 null
run 2 node set n1 --ipv6 fd00:77::5
says "the provision network 'provision' has no IPv6"
stop_daemon TERM
exit $failed
