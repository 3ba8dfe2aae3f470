#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# calm: it tells milliseconds
# What orthrus-guard tells the network (docs/failover.md, "Announcing"): neighbours that had the other head's MAC address have this one's after
# the first frame, for IPv4 and IPv6; the addresses are given and taken, whatever others do with them; who else claims one is told; a
# link that comes back is told of it again.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: it makes networks"; exit 77; }
for p in ip jq unshare; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
if [ "${ANNOUNCE_PRIVATE:-}" != 1 ]; then
    ANNOUNCE_PRIVATE=1 exec unshare --net --mount --propagation private -- "$0" "$@"
fi
tool=$BUILD/tests/lab/announce_tool
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
die() { fail "$@"; exit 1; }
mount -t tmpfs announce /run && mkdir -p /run/netns || die "no /run of its own"

# Two heads and a neighbour at a switch.
for ns in a b n; do
    ip netns add $ns && ip link add p-$ns type veth peer name eth0 netns $ns || die "no veth"
done
ip link add br0 type bridge mcast_snooping 0 stp_state 0 && ip link set br0 up || die "no bridge"
for ns in a b n; do
    ip link set p-$ns master br0 up
    ip netns exec $ns sysctl -qw net.ipv6.conf.eth0.accept_dad=0
    ip -n $ns link set lo up
    ip -n $ns link set eth0 up
done
ip -n a addr add 10.9.0.2/24 dev eth0
ip -n b addr add 10.9.0.3/24 dev eth0
ip -n n addr add 10.9.0.9/24 dev eth0
ip -n a addr add fd09::2/64 dev eth0 nodad
ip -n b addr add fd09::3/64 dev eth0 nodad
ip -n n addr add fd09::9/64 dev eth0 nodad

declare -A mac pid in out
for ns in a b; do mac[$ns]=$(ip -n $ns -br link show eth0 | awk '{ print $3 }'); done
until_so() { # WHAT COMMAND...: within 5 s
    local end=$((${EPOCHREALTIME/./} + 5000000))
    until "${@:2}"; do
        [ "${EPOCHREALTIME/./}" -lt $end ] || { fail "$1: not so after 5 s"; return 1; }
        sleep 0.005
    done
}
exec_in() { exec ip netns exec "$@"; }
start() { # HEAD
    rm -f "/run/in-$1"
    mkfifo "/run/in-$1"
    : >"/run/out-$1"
    exec_in "$1" "$tool" eth0 10.9.0.1/32 fd09::1/128 <"/run/in-$1" >>"/run/out-$1" 2>&1 &
    pid[$1]=$!
    exec {in[$1]}>"/run/in-$1"
    until_so "head $1" heard "$1" ready
}
tell() { echo "$2" >&"${in[$1]}"; }          # HEAD COMMAND
heard() { grep -qE " $2( |\$)" "/run/out-$1"; } # HEAD WHAT
count() { grep -cE " $2( |\$)" "/run/out-$1"; }
forget() { : >"/run/out-$1"; }
has() { [ "$(ip -n "$1" -j addr show dev eth0 | jq '[.[].addr_info[] | select(.local == "10.9.0.1" or .local == "fd09::1")] | length')" = "$2" ]; } # HEAD N
neighbour() { [ "$(ip -n n -j neigh show to "$1" dev eth0 | jq -r '.[0].lladdr')" = "${mac[$2]}" ]; } # ADDRESS HEAD
reaches() { # ADDRESS: somebody refuses, so somebody answers
    [[ $(ip netns exec n timeout 2 bash -c ": </dev/tcp/$1/9" 2>&1) == *refused* ]]
}

echo "--- the neighbour's cache moves"
start a
start b
tell a take
until_so "a has the addresses" has a 2
until_so "it says so" heard a there
reaches 10.9.0.1 && reaches fd09::1 || fail "nobody is there"
neighbour 10.9.0.1 a && neighbour fd09::1 a || fail "the neighbour does not know a: $(ip -n n neigh)"
# As when a is cut off: it still has the addresses, and its gate is shut. Asked again, the neighbour would not find out by itself so soon.
ip link set p-a down
forget b
exec_in n ip -ts monitor neigh >/run/monitor &
monitor=$!
listens() { ip netns exec n awk -v p="$1" 'NR > 1 && $2 == 0 && $3 == p && $4 != "00000000" { n = 1 } END { exit !n }' /proc/net/netlink; } # PROCESS
until_so "the monitor listens" listens $monitor
began=$EPOCHREALTIME
tell b take
until_so "the neighbour learns of b by IPv4" neighbour 10.9.0.1 b
until_so "the neighbour learns of b by IPv6" neighbour fd09::1 b
monitored() { grep -q "^\[.*\] *$1 .*lladdr ${mac[b]}" /run/monitor; } # ADDRESS
until_so "the monitor has seen it by IPv4" monitored 10.9.0.1
until_so "the monitor has seen it by IPv6" monitored fd09::1
kill $monitor
moved() { # ADDRESS: milliseconds from when b was told to the neighbour's new entry
    date -d "$(sed -n "s/^\[\(.*\)\] *$1 .*lladdr ${mac[b]}.*/\1/p" /run/monitor | sed -n 1p)" +%s.%N | awk -v b="$began" '{ printf "%.1f", ($1 - b) * 1000 }'
}
until_so "b has the addresses" has b 2
reaches 10.9.0.1 && reaches fd09::1 || fail "b is not there"
burst() { [ "$(count b sent)" -ge 5 ]; }
until_so "b's burst" burst
[ "$(grep -c ' sent 0$' /run/out-b)" = "$(count b sent)" ] || fail "frames were not sent: $(cat /run/out-b)"
first=$(awk '/ sent / { print $1; exit }' /run/out-b)
said=$(awk -v f="$first" '/ sent / { printf "%s%.0f", c, $1 - f; c = "," }' /run/out-b)
there=$(awk -v f="$first" '/ there / { printf "%.1f", $1 - f; exit }' /run/out-b)
echo "RESULT announce addresses_ms=$there moved4_ms=$(moved 10.9.0.1) moved6_ms=$(moved fd09::1) sent_at_ms=$said"

echo "--- what is no source, and needs no detection"
[ "$(ip -n b -j -6 addr show dev eth0 | jq -r '.[].addr_info[] | select(.local == "fd09::1") | [.nodad, .preferred_life_time, .tentative // false] | map(tostring) | join(" ")')" = "true 0 false" ] ||
    fail "fd09::1: $(ip -n b -6 addr show dev eth0)"
[[ $(ip -n b route get 10.9.0.9) == *"src 10.9.0.3"* && $(ip -n b route get fd09::9) == *"src fd09::3"* ]] || fail "a service address is a source by itself"

echo "--- others take an address away"
ip -n b addr del 10.9.0.1/32 dev eth0
ip -n b addr del fd09::1/128 dev eth0
until_so "b has the addresses again" has b 2
forget b
ip -n b link set eth0 down
ip -n b link set eth0 up
until_so "b has the addresses when its link is up again" has b 2
until_so "it is told" heard b link-down
until_so "it is told" heard b link-up
until_so "it says so again" heard b sent
ip -n b addr replace fd09::3/64 dev eth0 nodad

echo "--- who else claims it"
forget b
ip link set p-a up
tell a take # a was away, and thinks that it is the one
until_so "b is told of a" grep -qE " conflict 10.9.0.1 ${mac[a]}" /run/out-b
until_so "b is told of a" grep -qE " conflict fd09::1 ${mac[a]}" /run/out-b
! heard a "conflict .* ${mac[a]}" || fail "a takes its own frames for another's"

echo "--- taken away, and left behind"
forget b
tell b drop
until_so "b says so" heard b away
has b 0 || fail "b still has $(ip -n b addr show dev eth0)"
[ "$(ip -n b -j addr show dev eth0 | jq '[.[].addr_info[] | select(.local == "10.9.0.3" or .local == "fd09::3")] | length')" = 2 ] || fail "b lost its own addresses"
kill -9 "${pid[a]}"
wait "${pid[a]}" 2>/dev/null
has a 2 || fail "they should be left of a process that was killed"
ip -n a addr del 10.9.0.1/32 dev eth0
ip -n a addr add 10.9.0.1/24 dev eth0 # as another version, or somebody else, gave it
start a
has a 0 || fail "a starts with $(ip -n a addr show dev eth0)"

echo "--- the interface is taken away"
ip link del p-b
until_so "it is told" heard b gone
tell b take
until_so "it can't be given" heard b failed
exit $failed
