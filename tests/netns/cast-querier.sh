#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A switch that listens who wants multicast (a bridge with mcast_snooping) and nobody who asks: a stream stops at its members. With the head's
# querier it goes on; the querier gives way to a router with a lower address, and is there again when the router is not. IPv4 and IPv6.
set -u
for p in ip python3; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
if [ -z "${IN_NAMESPACES:-}" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-querier.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    IN_NAMESPACES=1 work=$work unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0"
    exit
fi
tool=$BUILD/tests/lab/querier_tool
[ -x "$tool" ] || { echo "make $tool"; exit 77; }
fail() { echo "FAILED: $*"; for f in "$work"/*.out "$work"/*.log; do echo "== $f"; tail -n 5 "$f"; done; exit 1; }
# Named namespaces in a mount namespace of our own: nobody else sees them.
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/netns

# The switch forgets members after 3 s, and believes that there is somebody who asks for as long as a switch that always prunes would.
ip link add sw type bridge mcast_snooping 1 mcast_querier 0 mcast_membership_interval 300 || { echo "this kernel has no bridge with IGMP snooping"; exit 77; }
ip -d link show sw | grep -q "mcast_snooping 1" || { echo "this kernel's bridge does no IGMP snooping"; exit 77; }
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
ip link set sw up
plug() { # NAME: a machine with eth0 on the switch
    { ip netns add "$1" && ip link add "p-$1" type veth peer name eth0 netns "$1"; } || fail "ip netns"
    ip netns exec "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
        echo 1 >/proc/sys/net/ipv6/conf/eth0/addr_gen_mode'
    ip link set "p-$1" master sw up
    ip -n "$1" link set lo up
}
address() { # NAME INTERFACE NUMBER
    ip -n "$1" link set "$2" up
    ip -n "$1" addr add "10.9.0.$3/24" dev "$2"
    ip -n "$1" addr add "fe80::$3/64" dev "$2" nodad
    ip -n "$1" route add 224.0.0.0/4 dev "$2"
}
for m in head n1 n2 gone; do plug $m; done
address head eth0 5; address n1 eth0 11; address n2 eth0 12; address gone eth0 7

cat >"$work/stream.py" <<'PY'
import socket, struct, sys, time
role, group, port = sys.argv[1], sys.argv[2], 4580
v6 = ':' in group
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
index = socket.if_nametoindex('eth0')
if role == 'send':
    if v6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    while True:
        s.sendto(b'x', (group, port, 0, index) if v6 else (group, port))
        time.sleep(0.05)
if v6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(('', port))
if v6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack('=I', index))
else: s.setsockopt(socket.IPPROTO_IP, 39, struct.pack('=4s4s4s', socket.inet_aton(group), socket.inet_aton('0.0.0.0'), socket.inet_aton('10.9.0.5')))
while True: # the time of each packet
    s.recv(100)
    print('%.2f' % time.monotonic(), flush=True)
PY
in_ns() { # NAME PROGRAM...: in the background, as $!
    local n=$1; shift
    ip netns exec "$n" "$@" &
}
g4=232.7.7.64 g6=ff35::8000:1740
for n in n1 n2; do
    in_ns $n python3 "$work/stream.py" receive $g4 >"$work/$n-4.out" 2>"$work/$n-4.log"
    in_ns $n python3 "$work/stream.py" receive $g6 >"$work/$n-6.out" 2>"$work/$n-6.log"
done
in_ns head python3 "$work/stream.py" send $g4 >"$work/send4.log" 2>&1
in_ns head python3 "$work/stream.py" send $g6 >"$work/send6.log" 2>&1
streams=(n1-4 n2-4 n1-6 n2-6)

until_says() { # FILE LINE
    for _ in $(seq 100); do grep -qxF "$2" "$1" && return; sleep 0.05; done
    fail "$1 never says '$2'"
}
now() { cut -d' ' -f1 /proc/uptime; }
since() { # FILE SECONDS: how many packets came since then
    awk -v t="$2" '$1 >= t' "$1" | wc -l
}
until_each() { # WHAT: until all receive (flows), or none does for a second (stands)
    local begin at s good
    begin=$(now)
    for _ in $(seq 140); do
        good=1 at=$(awk -v n="$(now)" 'BEGIN { print n - 0.8 }')
        for s in "${streams[@]}"; do
            case $1:$(since "$work/$s.out" "$at") in
            flows:[5-9]|flows:[1-9]?*) ;;
            stands:0) awk -v n="$(now)" -v b="$begin" 'BEGIN { exit !(n - b > 0.8) }' || good=0 ;;
            *) good=0 ;;
            esac
        done
        [ $good = 0 ] || return 0
        sleep 0.05
    done
    fail "the stream never $1"
}
until_came() { # COUNT SINCE: packets at each
    local s
    for s in "${streams[@]}"; do
        for _ in $(seq 200); do [ "$(since "$work/$s.out" "$2")" -ge "$1" ] && continue 2; sleep 0.05; done
        fail "$s received only $(since "$work/$s.out" "$2") packets"
    done
}
no_gap() { # SINCE WHAT
    local s
    for s in "${streams[@]}"; do
        awk -v t="$1" -v n="$(now)" '$1 >= t { if (last && $1 - last > gap) gap = $1 - last; last = $1 }
            END { if (n - last > gap) gap = n - last; exit !(last && gap < 0.6) }' "$work/$s.out" || fail "$2: a gap of more than 0.6 s at $s"
    done
}

echo "--- a router asked once, and is gone: after a while nobody receives anything"
until_each flows
in_ns gone "$tool" eth0 46 200 200 >"$work/gone.out" 2>"$work/gone.log"
gone=$!
until_says "$work/gone.out" "ipv4 this head, as 10.9.0.7"
until_says "$work/gone.out" "ipv6 this head, as fe80::7"
kill $gone; wait $gone 2>/dev/null
until_each stands
echo "--- the head asks: it goes on, for longer than the switch remembers"
in_ns head "$tool" eth0 46 500 200 >"$work/head.out" 2>"$work/head.log"
until_says "$work/head.out" "ipv4 this head, as 10.9.0.5"
until_says "$work/head.out" "ipv6 this head, as fe80::5"
until_each flows
flowed=$(now)
until_came 62 "$flowed" # 3.1 s: the switch remembers 3 s
no_gap "$flowed" "with the head's querier"

echo "--- a router comes, which has a lower address: the head is silent"
# Another implementation: the querier of the kernel's bridge.
plug router
ip -n router link add rt type bridge mcast_snooping 1 mcast_querier 1 mcast_query_use_ifaddr 1 mcast_query_interval 100 mcast_startup_query_interval 100 mcast_query_response_interval 20
echo 0 | ip netns exec router tee /proc/sys/net/ipv6/conf/rt/accept_dad >/dev/null
ip -n router link set eth0 master rt
ip -n router link set rt addrgenmode none
address router rt 1
ip -n router link set eth0 up
until_says "$work/head.out" "ipv4 10.9.0.1"
until_says "$work/head.out" "ipv6 fe80::1"
echo "--- and is gone again"
came=$(now)
until_came 20 "$came"
no_gap "$flowed" "while the router asks"
[ "$(grep -c 'this head, as' "$work/head.out")" = 2 ] || fail "the head asks beside the router"
ip -n router link set rt type bridge mcast_querier 0
for _ in $(seq 100); do [ "$(grep -c 'this head, as' "$work/head.out")" = 4 ] && break; sleep 0.05; done
[ "$(grep -c 'this head, as' "$work/head.out")" = 4 ] || fail "the head does not ask again (router from $came on)"
until_came 62 "$(now)"
no_gap "$flowed" "after the router"
echo ok
