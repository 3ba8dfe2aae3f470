#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real systemd-networkd with the files that installer/ renders (tests/golden/networks): it knows every key in them, and by them a node
# gets its addresses from a real dnsmasq, by the identity it had as firmware, or static, and is online when it has them. Bonds and VLANs
# are what tests/vm/networks.sh shows: many kernels lack them.
set -eu
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
golden=$TOP/tests/golden/networks
networkd=/lib/systemd/systemd-networkd online=/lib/systemd/systemd-networkd-wait-online
for p in dnsmasq ip unshare udevadm $networkd $online; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
for u in dnsmasq systemd-network; do id $u >/dev/null 2>&1 || { echo "needs the user $u (packages dnsmasq-base, systemd)"; exit 77; }; done

# Everything is in namespaces of its own; with their first process all others end.
if [ -z "${IN_NAMESPACES:-}" ]; then
    w=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-networkd.XXXXXX")
    trap 'rm -rf "$w"' EXIT
    chmod 755 "$w"
    IN_NAMESPACES=1 w=$w unshare --net --mount --pid --fork --kill-child --mount-proc "$0"
    exit
fi
fail() { echo "FAILED: $*"; tail -n 30 "$w/log" "$w/dnsmasq.log" 2>/dev/null; exit 1; }
mount --make-rprivate /
mount -t sysfs -o ro sysfs /sys # as in a container: no udev is waited for
mkdir -p /etc/systemd/network /run/systemd
mount -t tmpfs tmpfs /run/systemd
ip link set lo up

unpack() { # GOLDEN: its files, and nothing else, where networkd looks for them
    umount /etc/systemd/network 2>/dev/null || true
    mount -t tmpfs tmpfs /etc/systemd/network
    awk '/^=== / { file = ($2 ~ /^\/etc\/systemd\/network\//) ? $2 : "/dev/null"; next } { print >file }' "$golden/$1.files"
    [ -n "$(ls /etc/systemd/network)" ] || fail "no files in $1"
}
start() {
    rm -rf /run/systemd/netif
    mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
    chown -R systemd-network: /run/systemd/netif
    : >"$w/log"
    SYSTEMD_LOG_TARGET=console $networkd >"$w/log" 2>&1 &
    nd=$!
}
stop() { kill "$nd" 2>/dev/null || true; wait "$nd" 2>/dev/null || true; }
until_true() { # WHAT CMD...
    local what=$1 i
    shift
    for i in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        kill -0 "$nd" 2>/dev/null || fail "networkd ended"
        sleep 0.1
    done
    fail "$what: did not happen"
}
said() { grep -q "$1" "$w/log"; }

echo "--- every key is known, and every value is one"
files=0
for f in "$golden"/*.files; do
    g=$(basename "$f" .files)
    unpack "$g"
    start
    until_true "$g: networkd has read its files" said 'Enumeration completed'
    stop
    ! grep -E '/etc/systemd/network/' "$w/log" | grep -v 'Configuring with' || fail "$g: networkd does not take a line"
    for l in /etc/systemd/network/*.link; do
        [ -e "$l" ] || continue
        udevadm test-builtin net_setup_link /sys/class/net/lo >"$w/link" 2>&1 || true
        grep -q "Parsed configuration file \"$l\"" "$w/link" || fail "$g: udev did not read $l"
        ! grep "^$l:" "$w/link" || fail "$g: udev does not take a line"
    done
    files=$((files + $(ls /etc/systemd/network | wc -l)))
done
[ $files -ge 25 ] || fail "only $files files were looked at"
# That a wrong one would have been seen:
printf '[Match]\nName=x\n[Network]\nPrimarySlave=perhaps\nBonding=x\n' >/etc/systemd/network/99-wrong.network
start
until_true "networkd has read a wrong file" said 'Enumeration completed'
stop
[ "$(grep -c '99-wrong.network:[45]' "$w/log")" = 2 ] || fail "a wrong file was not seen"

echo "--- addresses"
mkdir "$w/dns"
chown dnsmasq "$w/dns"
unshare --net sleep infinity & # the head's side
for _ in $(seq 50); do [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/self/ns/net)" ] || break; sleep 0.1; done
head() { nsenter --net=/proc/$head_pid/ns/net "$@"; }
head_pid=$!
for n in 1 2; do
    ip link add "port$n" address "52:54:00:77:00:0$n" type veth peer name "eth$n"
    ip link set "eth$n" netns $head_pid
done
head ip link set lo up
head ip link add br0 type bridge forward_delay 0
head ip link set br0 up
head ip addr add 10.77.0.1/24 dev br0
head ip addr add fd00:77::1/64 dev br0 nodad
for n in 1 2; do head ip link set "eth$n" master br0 up; done
# Fixed addresses by MAC, as the head gives them; for any other identity than the firmware's there is none.
cat >"$w/dnsmasq.conf" <<EOF
interface=br0
bind-dynamic
port=0
no-ping
user=dnsmasq
keep-in-foreground
log-facility=-
log-dhcp
dhcp-leasefile=$w/dns/leases
dhcp-authoritative
dhcp-ignore=tag:!known
dhcp-ignore-clid
enable-ra
dhcp-range=10.77.0.0,static,255.255.255.0,1h
dhcp-range=fd00:77::,static,64,1h
dhcp-range=fd00:77::1:0:0,fd00:77::1:0:ffff,slaac,64,10m
dhcp-host=52:54:00:77:00:01,52:54:00:77:00:02,10.77.0.11,[fd00:77::b],n01,1h
dhcp-option=option:router,10.77.0.1
EOF
head dnsmasq --conf-file="$w/dnsmasq.conf" >"$w/dnsmasq.log" 2>&1 &

fresh() { local n; for n in 1 2; do ip addr flush dev "port$n"; ip route flush dev "port$n"; ip link set "port$n" down; done; : >"$w/dns/leases"; }
has() { ip addr show dev "$1" | grep -q "inet6\\? $2 "; }
on_line() { timeout 20 $online --any --timeout=15 >"$w/online" 2>&1 || fail "$1 is not online: $(tail -n 3 "$w/online")"; }
no_other6() { ! ip -6 addr show dev port1 scope global | grep inet6 | grep -v "$1" || fail "there are more IPv6 addresses than the node's own"; }

fresh; unpack single-v4; start; on_line single-v4
has port1 10.77.0.11/24 || fail "single-v4: $(ip addr show dev port1)"
ip route | grep -q 'default via 10.77.0.1 dev port1' || fail "single-v4: no default route"
[ -z "$(ip addr show dev port2 up)" ] || fail "single-v4: another interface was touched"
stop

# Two are meant, one has the cable: online all the same, and at once.
fresh; head ip link set eth1 down; unpack two-cables; start; on_line two-cables
has port2 10.77.0.11/24 || fail "two-cables: $(ip addr show dev port2)"
stop; head ip link set eth1 up

fresh; unpack dual; start; on_line dual
until_true 'dual: both addresses' eval 'has port1 10.77.0.11/24 && has port1 fd00:77::b/64'
no_other6 fd00:77::b
stop

fresh; unpack v6-only; start; on_line v6-only
until_true 'v6-only: its address' has port1 fd00:77::b/128
no_other6 fd00:77::b # though one could be made of what is advertised
! ip -4 addr show dev port1 | grep inet || fail "v6-only: it has IPv4"
ip -6 route | grep -q 'default via fe80' || fail "v6-only: no route out"
stop

# A router that the site names is used, whoever else advertises itself as one.
fresh; unpack v6-gateway; start; on_line v6-gateway
until_true 'v6-gateway: its router' eval 'ip -6 route | grep -q "default via fd00:77::fe dev port1"'
has port1 fd00:77::b/64 || fail "v6-gateway: $(ip addr show dev port1)"
! ip -6 route | grep -q 'default via fe80' || fail "v6-gateway: an advertised router is used too"
stop

fresh; unpack static; start; on_line static
until_true 'static: both addresses' eval 'has port1 10.1.0.11/16 && has port1 fd00:1::b/64'
ip route | grep -q 'default via 10.1.0.1 dev port1' || fail "static: no default route"
no_other6 fd00:1::b
stop

# The router of the provision network is not the way out, that of the other network is; its MTU is the network's.
fresh; unpack single-v4-mtu-no-route; start; on_line single-v4-mtu-no-route
until_true 'an address' eval 'has port1 10.77.0.11/24 || has port2 10.77.0.11/24' # whoever asked last
[ "$(cat /sys/class/net/port1/mtu 2>/dev/null || ip -o link show dev port1 | sed 's/.* mtu \([0-9]*\).*/\1/')" = 9000 ] || fail "the MTU is not set"
! ip route | grep -q 'default.*dev port1' || fail "the default route is the provision network's"
stop
echo "RESULT networkd goldens=$(ls "$golden"/*.files | wc -l) files=$files addresses=7"
