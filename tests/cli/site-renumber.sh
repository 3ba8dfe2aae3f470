#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The provision network's subnet is changed while there are nodes: where each goes is shown and done, all or nothing, and what becomes
# of machines that run is said by name.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
m=52:54:00:00:00
site=$root/etc/orthrus/site.json

# planned CODE: plan and apply --plan end the same way, say the same, and change nothing. A plan compares files as they lie there, and those
# for other programs (genders) follow the change before a moment later: until then the two may differ.
planned() {
    local before; before=$(digest)
    for _ in $(seq 50); do
        run "$1" site plan; grep -E '^  ' "$work/out" >"$work/planned"
        run "$1" site apply --plan
        grep -E '^  ' "$work/out" | cmp -s - "$work/planned" && break
    done
    grep -E '^  ' "$work/out" | cmp -s - "$work/planned" || fail "plan and apply --plan differ: $(cat "$work/planned" "$work/out")"
    [ "$(digest)" = "$before" ] || fail "a plan changed the state"
}

start_daemon
make_site --ipv6 fd00:77::/64 --trust-mac && run 0 site apply --yes
run 0 node add n1 --mac $m:01 --group compute
run 0 node add n2 --mac $m:02 --group compute --ipv4 10.77.0.200 --ipv6 fd00:77::abcd
run 0 node add n3 --mac $m:03 --group compute
cp "$site" "$work/first"

# Another subnet: the same host number in it, shown node by node, and done.
change_site '.networks[0].ipv4.subnet = "10.88.0.0/24" | .heads[0].ipv4 = "10.88.0.1"'
planned 0
says "n1: address on network provision from 10.77.0.2 to 10.88.0.2"
says "n2: address on network provision from 10.77.0.200 to 10.88.0.200"
says "count on the address 10.88.0.1/24 on interface eth0 of this head"
silent ": installed"
silent "address on network provision from fd00:77"
run 0 site apply --yes
has_addresses n1 10.88.0.2 fd00:77::2
has_addresses n2 10.88.0.200 fd00:77::abcd
has_addresses n3 10.88.0.3 fd00:77::3
grep -q "^$m:02,10.88.0.200," "$root/run/orthrus/dnsmasq.dhcp-hosts" || fail "dnsmasq's hosts: $(cat "$root"/run/orthrus/*hosts*)"
grep -q '^10.88.0.200 n2\.' "$root/run/orthrus/dnsmasq.hosts" || fail "hosts: $(cat "$root/run/orthrus/dnsmasq.hosts")"
! grep -rq '10\.77\.' "$root/run/orthrus" --include='*hosts*' --include=dnsmasq.conf || fail "an old address: $(grep -r '10\.77\.' "$root/run/orthrus")"
run 0 event list
says "n[1-3]: other addresses, with the site that uid 0 applied"

# A smaller one: who has no place of its own there gets the next free one, and nobody's.
change_site '.networks[0].ipv4 = {subnet: "10.88.0.0/28", pool: {first: "10.88.0.2", last: "10.88.0.3"}}'
planned 0
says "n1: address on network provision from 10.88.0.2 to 10.88.0.4, the next free one"
says "n2: address on network provision from 10.88.0.200 to 10.88.0.5, the next free one"
says "n3: address on network provision from 10.88.0.3 to 10.88.0.6, the next free one"
says "n1: address on network provision from fd00:77::2 to fd00:77::4, the next free one"
run 0 site apply --yes
has_addresses n1 10.88.0.4 fd00:77::4
has_addresses n2 10.88.0.5 fd00:77::abcd
has_addresses n3 10.88.0.6 fd00:77::6

# A larger one with the old one in it: they stay.
change_site '.networks[0].ipv4.subnet = "10.88.0.0/16"'
planned 0
silent "address on network provision from 10."
run 0 site apply --yes
has_addresses n3 10.88.0.6 fd00:77::6

# Another IPv6 prefix: an own address keeps its host number, others follow as ever; both are said.
change_site '.networks[0].ipv6 = {subnet: "fd00:99::/64"} | .heads[0].ipv6 = "fd00:99::1"'
planned 0
says "n1: address on network provision from fd00:77::4 to fd00:99::4"
says "n2: address on network provision from fd00:77::abcd to fd00:99::abcd"
run 0 site apply --yes
has_addresses n2 10.88.0.5 fd00:99::abcd
has_addresses n1 10.88.0.4 fd00:99::4

# No place for all: nothing is changed, and plan says what apply says.
change_site '.networks[0].ipv4 = {subnet: "10.99.0.0/30"} | .heads[0].ipv4 = "10.99.0.1"'
planned 3
says "this site does not fit the nodes: n2: the provision network 'provision' (10.99.0.0/30) has no free address left"
says "the network larger in site.json"
before=$(digest)
run 3 site apply --yes
[ "$(digest)" = "$before" ] || fail "a refused site changed something"
has_addresses n1 10.88.0.4 fd00:99::4
# A pool that is drawn over nodes where the subnet stays is a mistake, and moves nobody.
cp "$work/site" "$work/wrong"
"$orthrus" site show --json | jq .site >"$site"
change_site '.networks[0].ipv4.pool = {first: "10.88.0.4", last: "10.88.0.9"}'
planned 3
says "n1: the address 10.88.0.4 is in the pool"
"$orthrus" site show --json | jq .site >"$site"

# Machines that run are named: what they take by themselves, and what only a new installation brings.
port=$(tls_port)
tiny_image compute
settle
order() { # NODE MAC SERIAL: its installation is ordered; $id
    hello "$2" "$(machine "$2" "$3")"; want 200 "hello of $1"
    shown_of "$1"
    api POST /v1/install "{\"nodes\":[\"$1\"],\"digests\":$shown}"; want 200 "install $1"
    id=$(value '.nodes[0].install_id')
}
begin() { imager "$1" POST /v1/imager/event "{\"install_id\":\"$id\",\"seq\":1,\"step\":\"wipe\",\"event\":\"begin\"}"; want 200 'begin'; }
order n1 $m:01 A; begin $m:01
change_site '.networks[0].ipv4.subnet = "10.66.0.0/16" | del(.networks[0].ipv4.pool) | .heads[0].ipv4 = "10.66.0.1"'
planned 3
says "n1 is being installed, and this site changes its addresses or the head's"
says "orthrus node boot n1 --disk --force"
imager $m:01 POST /v1/imager/done "{\"install_id\":\"$id\"}"; want 200 'done'
imager $m:01 POST /v1/imager/booted "{\"install_id\":\"$id\"}"; want 200 'booted'
order n2 $m:02 B
hello $m:03 "$(machine $m:03 C)"; want 200 'hello of n3'
planned 0
says "n1: address on network provision from 10.88.0.4 to 10.66.0.4"
says "n1: running with the old IPv4 address until the next boot, or until the DHCP lease ends within an hour"
says "until the next installation: orthrus node install n1"
says "n1: installed, and look for the head at https://10.88.0.1:8443"
says "n2: bring its order up to date"
says "n[2-3]: running from memory, if at all; reboot n[2-3]"
run 0 site apply --yes
has_addresses n2 10.66.0.5 fd00:99::abcd
imager $m:02 GET /v1/imager/orders; want 200 'orders of n2'
[ "$(value '.order.server_url')" = https://10.66.0.1:8443 ] || fail "the order has $(value .order.server_url)"
value '.order.hosts[]' | grep -q '^10.66.0.5 n2\.' || fail "the order's hosts: $(value .order.hosts)"

# The head by another address, and by the old one too: installed nodes go on.
cp "$site" "$work/site.here"
change_site '.service_addresses = [{name: "svc", network: "provision", ipv4: "10.66.0.99"}]'
planned 0
says "https://10.66.0.99:8443"
silent "they reach it no more"
cp "$work/site.here" "$site"

# Many are folded, and every one can still be told from it.
run 0 node add 'm[01-40]' --mac "$(for i in $(seq -w 40); do printf '%s52:54:00:00:01:%s' "$([ "$i" = 01 ] || echo ,)" "$i"; done)" --group compute --ipv4 10.66.1.1
change_site '.networks[0].ipv4.subnet = "10.55.0.0/16" | .heads[0].ipv4 = "10.55.0.1"'
planned 0
says "m[01-40]: addresses on network provision from 10.66.1.1-10.66.1.40 to 10.55.1.1-10.55.1.40"
says "n[1-3]: addresses on network provision from 10.66.0.4-10.66.0.6 to 10.55.0.4-10.55.0.6"
stop_daemon TERM
exit $failed
