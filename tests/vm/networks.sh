#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# A node with two cables to the provision network, bonded, and a VLAN on the bond, with MTU 9000: installed, booted from its disk. Its peer
# reaches it over the VLAN with whole packets of 9000 bytes; either cable may be pulled, also before it is switched on.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

for p in ssh ssh-keygen socat jq; do command -v $p >/dev/null || lab_skip "needs the program $p"; done
ping=$BUILD/tests/lab/vlan_ping
[ -x "$ping" ] || lab_skip "needs $ping: make tests"
port_a=$(lab_mac 1) port_b=52:54:00:78:00:01
second=(-netdev "tap,id=net1,ifname=tap1b,script=no,downscript=no" -device "virtio-net-pci,netdev=net1,mac=$port_b,romfile=")

lab_begin
ssh-keygen -q -t ed25519 -N '' -f "$W/id"
cluster_head
site=$W/head/etc/orthrus/site.json
jq --arg key "$(cut -d' ' -f1,2 "$W/id.pub")" '.admin_ssh_keys = [$key] | .networks[0].mtu = 9000
  | .networks += [{name:"storage", role:"compute", vlan:20, mtu:9000, ipv4:{subnet:"10.79.0.0/24"}}]
  | .groups[0].interfaces = [{network:"provision", name:"bond0", bond:{mode:"active-backup"}}, {network:"storage", on:"bond0"}]' "$site" >"$W/site.json"
cp "$W/site.json" "$site"
orthrus site apply --yes
lab_vm_new 1 bios 4G
ip -n "$NS_SW" tuntap add dev tap1b mode tap
for l in head tap1 tap1b br0; do ip -n "$NS_SW" link set "$l" mtu 9000; done
ip -n "$NS_SW" link set tap1b master br0 up
ip -n "$NS_HEAD" link set eth0 mtu 9000
orthrus node add n01 --group compute --mac "$port_a,$port_b" --ipv4 10.77.0.11 --yes
lab_vm_on 1 ab net "${second[@]}"
cluster_discover 1
orthrus node show n01
orthrus node show n01 | grep -q "provision    bond0 (active-backup of $port_a, $port_b), MTU 9000, .*by DHCPv4" || lab_fail "node show does not show the bond"
cluster_order 1
cluster_installed 1

ask_qmp() { printf '%s\n' '{"execute":"qmp_capabilities"}' "$@" | socat -t 2 - "unix:$W/vm/1.qmp" >"$W/qmp"; }
qmp() { # JSON...: to the machine's monitor
    ask_qmp "$@" || lab_fail "the monitor does not answer"
    ! grep '"error"' "$W/qmp" || lab_fail "the monitor refused"
}
cable() { qmp "{\"execute\":\"set_link\",\"arguments\":{\"name\":\"$1\",\"up\":$2}}"; }
node() {
    head_run ssh -i "$W/id" -o IdentitiesOnly=yes -o UserKnownHostsFile="$W/known" -o StrictHostKeyChecking=accept-new -o BatchMode=yes \
        -o LogLevel=ERROR -o ConnectTimeout=20 root@10.77.0.11 "$@"
}
over_vlan() { head_run "$ping" eth0 20 10.79.0.1 10.79.0.11 "$1" "$2"; } # SIZE SECONDS
active() { node cat /sys/class/net/bond0/bonding/active_slave; }

lab_until 300 "n01's sshd answers" node true
node ip -br addr
[ "$(node cat /sys/class/net/bond0/bonding/slaves | wc -w)" = 2 ] || lab_fail "bond0 has the ports $(node cat /sys/class/net/bond0/bonding/slaves)"
[ "$(node cat /sys/class/net/bond0/address)" = "$port_a" ] || lab_fail "bond0's address is $(node cat /sys/class/net/bond0/address)"
for d in bond0 vlan20; do [ "$(node cat /sys/class/net/$d/mtu)" = 9000 ] || lab_fail "$d's MTU is $(node cat /sys/class/net/$d/mtu)"; done
node ip -o addr show dev bond0 | grep -q 'inet 10.77.0.11/24' || lab_fail "bond0 lacks its address"
node ip -o addr show dev vlan20 | grep -q 'inet 10.79.0.11/24' || lab_fail "vlan20 lacks its address"
node systemctl is-active -q network-online.target || lab_fail "n01 does not count as online"
node journalctl -b -u systemd-networkd -u systemd-networkd-wait-online --no-pager >"$W/networkd.log"
! grep -iE 'unknown (key|section|lvalue)|failed|ignoring|timeout|not match' "$W/networkd.log" || lab_fail "networkd complains"
got=$(over_vlan 9000 60) || lab_fail "a packet of 9000 bytes over the VLAN is not answered"
[ "$got" = "$port_a" ] || lab_fail "$got answers on the VLAN"
lab_say "the VLAN is reached with packets of 9000 bytes"

pulled=0
for round in 1 2; do
    was=$(active)
    net=net0 other=net1
    [ "$(node cat "/sys/class/net/$was/bonding_slave/perm_hwaddr")" = "$port_a" ] || net=net1 other=net0
    begin=$(date +%s%N)
    cable $net false
    over_vlan 9000 60 >/dev/null || lab_fail "without the cable of $was nothing is answered"
    ms=$((($(date +%s%N) - begin) / 1000000))
    now=$(active) # over the provision network, with the other port
    [ "$now" != "$was" ] || lab_fail "bond0 still uses $was, whose cable is pulled"
    lab_say "round $round: the cable of $was is pulled, $now took over: answered after $ms ms"
    pulled=$((pulled + 1))
    cable $net true
    carrier() { [ "$(node cat "/sys/class/net/$was/carrier")" = 1 ] && ! node grep -A1 "Interface: $was" /proc/net/bonding/bond0 | grep -q 'Status: down'; }
    lab_until 60 "$was has its link again" carrier
done
lab_vm_cut 1

# Switched on with one cable: online without waiting for the other.
lab_vm_on 1 ab netlast "${second[@]}" -S
lab_until 60 "the monitor answers" ask_qmp
qmp '{"execute":"set_link","arguments":{"name":"net0","up":false}}' '{"execute":"cont"}'
lab_until "$CLUSTER_T" "n01 comes up with one cable" node systemctl is-active -q network-online.target
[ "$(node cat /sys/class/net/bond0/operstate)" = up ] || lab_fail "bond0 is not up"
waited=$(node systemctl show -P ExecMainExitTimestampMonotonic systemd-networkd-wait-online) begun=$(node systemctl show -P ExecMainStartTimestampMonotonic systemd-networkd-wait-online)
[ "$(node systemctl show -P Result systemd-networkd-wait-online)" = success ] || lab_fail "with one cable the system never counts as online"
[ $(((waited - begun) / 1000000)) -lt 100 ] || lab_fail "with one cable the boot waits $(((waited - begun) / 1000000)) s"
over_vlan 9000 60 >/dev/null || lab_fail "with one cable nothing is answered on the VLAN"
lab_say "with one cable n01 was online after $(((waited - begun) / 1000000)) s of waiting"
echo "RESULT networks bond=1 vlan=1 mtu=9000 pulled=$pulled one_cable_online=1"
