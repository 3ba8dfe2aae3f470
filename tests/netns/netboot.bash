# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of network boot share: a head with the real dnsmasq and the files that netboot/ writes in one namespace, a node in
# another. Sourced with $programs, the programs that the test needs beside, and $address, the head's.
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD=${BUILD:-$TOP/build}
tool=$BUILD/tests/lab/netboot_tool
for p in dnsmasq busybox ip $programs; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
id dnsmasq >/dev/null 2>&1 || { echo "needs the user dnsmasq (package dnsmasq-base)"; exit 77; }
[ -x "$tool" ] || { echo "needs $tool: make tests"; exit 77; }

w=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-netboot.XXXXXX")
head=nbh$$ node=nbn$$ pid=
cleanup() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    wait 2>/dev/null || true # dnsmasq writes its leases last
    ip netns del "$head" 2>/dev/null || true
    ip netns del "$node" 2>/dev/null || true
    rm -rf "$w"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
fail() { echo "FAILED: $*"; for f in log dhclient.log; do [ ! -e "$w/$f" ] || tail -n 30 "$w/$f"; done; exit 1; }
chmod 755 "$w" # dnsmasq serves as its own user
in_node() { ip netns exec "$node" "$@"; }

ip netns add "$head"
ip netns add "$node"
# Nobody else is here: IPv6 addresses need not be tried for two seconds before they are used.
for ns in "$head" "$node"; do
    [ ! -e /proc/net/if_inet6 ] ||
        ip netns exec "$ns" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
done
ip -n "$head" link add eth0 type veth peer name eth0 netns "$node"
ip -n "$head" addr add "$address" dev eth0
ip -n "$head" link set lo up
ip -n "$head" link set eth0 up
tftp=$w/tftp run=$w/run key=$(printf '%064d' 7)

apply() { # $1: what it must say; $2: site; then nodes
    want=$1 site=$2
    shift 2
    got=$("$tool" apply "$site" "$tftp" "$run" "$@") || fail "apply"
    [ "$got" = "$want" ] || fail "apply said $got, not $want"
}
wait_log() { # until the log says $1 more often than $2 times
    for _ in $(seq 100); do
        [ "$(grep -c "$1" "$w/log")" -le "$2" ] || return 0
        kill -0 "$pid" 2>/dev/null || fail "dnsmasq has ended"
        sleep 0.1
    done
    fail "dnsmasq did not say '$1'"
}
start() {
    : >"$w/log"
    ip netns exec "$head" dnsmasq --conf-file="$run/dnsmasq.conf" >>"$w/log" 2>&1 &
    pid=$!
    wait_log "read $run/dnsmasq.dhcp-hosts" 0
}
stop() { kill "$pid"; wait "$pid" 2>/dev/null || true; pid=; }
reload() {
    n=$(grep -c "read $run/dnsmasq.dhcp-hosts" "$w/log")
    kill -HUP "$pid"
    wait_log "read $run/dnsmasq.dhcp-hosts" "$n"
}
