#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A node's networks on their way from site.json to its order: shown before, refused when the machine lacks an interface, in the order, and
# brought up to date with the site.
set -u
. "$TOP/tests/cli/daemon.bash"
mac1=52:54:00:00:00:01 mac2=52:54:00:00:00:02 mlx1=0c:42:a1:00:00:01 mlx2=0c:42:a1:00:00:02
apply() { "$orthrus" site apply --yes >"$work/out" 2>&1 || fail "site apply: $(cat "$work/out")"; }
shows() { "$orthrus" node show n01 >"$work/show" 2>&1; grep -qE -- "$1" "$work/show" || fail "node show has no line '$1': $(cat "$work/show")"; }
nics() { # DRIVER: an inventory with two further interfaces of it, the second without a cable
    machine $mac1 A | jq -c --arg d "$1" --arg a $mlx1 --arg b $mlx2 --arg m $mac2 '.nics += [{name:"eth1", mac:$m, driver:"virtio_net", link:true},
        {name:"eth2", mac:$a, driver:$d, link:true}, {name:"eth3", mac:$b, driver:$d, link:false}]'
}

start_daemon
make_site --trust-mac
change_site '.networks += [{name:"fabric", role:"compute", mtu:9000, ipv4:{subnet:"10.78.0.0/24"}},
    {name:"storage", role:"compute", vlan:20, mtu:9000, ipv4:{subnet:"10.79.0.0/24"}, ipv6:{subnet:"fd00:79::/64"}}]
  | .groups[0].interfaces = [{name:"bond0", network:"fabric", match:[{driver:"mlx5_core"}], bond:{mode:"active-backup"}}, {network:"storage", on:"bond0"}]'
apply
tiny_image compute
"$orthrus" node add n01 --mac $mac1 --ipv4 10.77.0.11 --group compute >/dev/null || die "node add"
port=$(tls_port)
settle

# Before the machine was seen: what will be looked for.
shows '^networks     provision    52:54:00:00:00:01, fd[0-9a-f:]+::b/64, by DHCPv4$'
shows ' fabric       bond0 \(active-backup of driver mlx5_core\), MTU 9000, 10.78.0.11/24$'
shows ' storage      vlan20 on bond0, MTU 9000, 10.79.0.11/24, fd00:79::b/64$'

# The machine has no such interface: nothing is ordered, and it is said what it has.
hello $mac1 "$(nics ice)"; want 200 'hello of n01'
"$orthrus" node install n01 --plan >"$work/out" 2>&1 && fail "a machine without the interface can be installed"
grep -q 'n01: it has no interface with the driver mlx5_core' "$work/out" || fail "the refusal is: $(cat "$work/out")"
grep -q "it has eth0 ($mac1, virtio_net), eth1 ($mac2, virtio_net), eth2 ($mlx1, ice)" "$work/out" || fail "the hint is: $(cat "$work/out")"
shows '^networks     n01: it has no interface with the driver mlx5_core'
shows '^  next       it has eth0'
[ "$("$orthrus" node show n01 --json | jq -r '.networks_problem.kind')" = refused ] || fail "node show --json does not say why there are no networks"

# With it, its ports are known; the order carries them.
hello $mac1 "$(nics mlx5_core)"; want 200 'hello with the interfaces'
shows " fabric       bond0 \\(active-backup of $mlx1, $mlx2\\), MTU 9000, 10.78.0.11/24\$"
"$orthrus" node install n01 --yes >"$work/out" 2>&1 || fail "install n01: $(cat "$work/out")"
order() { hello $mac1 "$(nics mlx5_core)"; value "$1"; }
[ "$(order '[.order.networks[] | .name, .device] | join(" ")')" = 'provision provision fabric bond0 storage vlan20' ] || fail "the order's networks are $(value .order.networks)"
[ "$(value '.order.networks[1].ports | map(.mac) | join(" ")')" = "$mlx1 $mlx2" ] || fail "the bond's ports are $(value '.order.networks[1]')"

# Another site: the order that stands follows, with the disks that were approved.
was=$(value .order.plan_digest)
change_site '.networks[2].vlan = 30 | .nodes = [{name:"n01", addresses:[{network:"fabric", ipv4:"10.78.0.99"}]}]'
"$orthrus" site apply --plan >"$work/plan" || fail "site apply --plan"
grep -q 'n01: bring its order up to date' "$work/plan" || fail "the plan does not name the order: $(cat "$work/plan")"
grep -q 'add settings of node n01' "$work/plan" || fail "the plan does not name the settings: $(cat "$work/plan")"
apply
[ "$(order '[.order.networks[2].device, .order.networks[1].addresses[0], .order.plan_digest] | join(" ")')" = "vlan30 10.78.0.99/24 $was" ] ||
    fail "the order did not follow: $(value .order.networks)"

# A site in which a node could not have its address is refused; so is a node.
before=$(digest)
change_site '.networks[1].ipv4.subnet = "10.78.0.0/29" | .nodes = []'
"$orthrus" site apply --yes >"$work/out" 2>&1; rc=$?
[ $rc = 3 ] || fail "a subnet that is too small for a node: exit $rc"
grep -q "n01: its number on the provision network is 11, and the network 'fabric' (10.78.0.0/29) has no such address" "$work/out" || fail "the refusal is: $(cat "$work/out")"
[ "$before" = "$(digest)" ] || fail "a refused site changed the state"
change_site '.networks[1].ipv4.subnet = "10.78.0.0/25"'
apply
"$orthrus" node add n02 --mac $mac2 --ipv4 10.77.0.200 --group compute >"$work/out" 2>&1 && fail "a node without an address on the fabric was added"
grep -q 'n02: its number on the provision network is 200' "$work/out" || fail "the refusal is: $(cat "$work/out")"
[ "$failed" = 0 ] && echo ok
exit $failed
