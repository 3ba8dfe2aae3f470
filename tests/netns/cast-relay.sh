#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Casts into other subnets: routers between them pass on no multicast, relays do. n01 and n02 are in the head's subnet, n03 and n04 behind a
# relay, n05 behind a second one that is fed by the first, n06 at the head's second leg, where the head relays itself. The real orthrusd casts, the imager's own code (tests/lab/bring_tool.c) receives.
# A relay that dies leaves its nodes to HTTPS, and nobody else notices; what does not come from the head is not passed on. The first of it by IPv6, too.
set -u
if [ $# = 0 ]; then
    for family in 6 4; do bash "$0" $family || exit; done
    exit 0
fi
# shellcheck source=tests/netns/cast_nodes.bash
. "$(dirname "$0")/cast_nodes.bash"
family=$2 nodes=6
net_of() { case $1 in 1 | 2) echo 77 ;; 3 | 4) echo 78 ;; 5) echo 79 ;; 6) echo 80 ;; esac; } # NODE-NUMBER

addr() { [ "$family" = 4 ] && echo "10.$1.0.$2" || echo "fd$1::$2"; } # NET HOST
bits=24 server=10.77.0.1:8443
[ "$family" = 4 ] || { bits=64 server=[fd77::1]:8443; }
# No address is looked for twice before it is used: a router whose own is not yet sure of asks nobody where a relay is.
no_dad() { ip netns exec "$1" sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; } # NETNS
put_addr() { ip -n "$1" addr add "$(addr "$3" "$4")/$bits" dev "$2" $([ "$family" = 4 ] || echo nodad); } # NETNS INTERFACE NET HOST

# Three switches, and a router with a leg in each.
ip link set lo up
ip netns add router
no_dad router
ip -n router link set lo up
ip netns exec router sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
host() { # NETNS NET ADDRESS: on the switch of its net
    ip netns add "$1"
    no_dad "$1"
    ip -n "$1" link add eth0 type veth peer name "p$1" netns "switch$2"
    ip -n "switch$2" link set "p$1" master sw up
    ip -n "$1" link set lo up
    ip -n "$1" link set eth0 up
    put_addr "$1" eth0 "$2" "$3"
    ip -n "$1" route add default via "$(addr "$2" 254)"
}
for net in 77 78 79; do
    ip netns add "switch$net"
    ip -n "switch$net" link add sw type bridge mcast_snooping 0
    ip -n "switch$net" link set sw up
    ip -n router link add "eth$net" type veth peer name router netns "switch$net"
    ip -n "switch$net" link set router master sw up
    ip -n router link set "eth$net" up
    put_addr router "eth$net" "$net" 254
done
ip link add eth0 type veth peer name head netns switch77
ip -n switch77 link set head master sw up
ip link set eth0 up
ip addr add "$(addr 77 1)/$bits" dev eth0 $([ "$family" = 4 ] || echo nodad)
ip route add default via "$(addr 77 254)"
ip netns add switch80
ip -n switch80 link add sw type bridge mcast_snooping 0
ip -n switch80 link set sw up
ip link add eth1 type veth peer name head netns switch80
ip -n switch80 link set head master sw up
ip link set eth1 up
ip addr add "$(addr 80 254)/$bits" dev eth1 $([ "$family" = 4 ] || echo nodad)
for n in $(seq $nodes); do host "n$n" "$(net_of "$n")" $((100 + n)); done
host relay78 78 9
host relay79 79 9

# --- the head, its image, and its nodes
"$orthrus" site init --interface eth0 --head-name head1 --trust-mac $([ "$family" = 4 ] && echo --subnet 10.77.0.0/24 --ipv6 off || echo --subnet off --ipv6 fd77::/64) --head-address "$(addr 77 1)" >/dev/null || die "site init"
change_site ".networks += [{name: \"rack2\", role: \"compute\", ipv$family: {subnet: \"$(addr 78 0 | sed 's/::0/::/')/$bits\"}}, {name: \"rack3\", role: \"compute\", ipv$family: {subnet: \"$(addr 79 0 | sed 's/::0/::/')/$bits\"}},
        {name: \"rack4\", role: \"compute\", ipv$family: {subnet: \"$(addr 80 0 | sed 's/::0/::/')/$bits\"}}]
    | .cast = {gather: 3, relays: [{network: \"rack2\", machine: \"relay2\", ipv$family: \"$(addr 78 9)\"}, {network: \"rack3\", machine: \"relay3\", ipv$family: \"$(addr 79 9)\", from: \"rack2\"},
        {network: \"rack4\", machine: \"head1\", ipv$family: \"$(addr 80 254)\"}]}"
planned() {
    "$orthrus" site plan >"$work/plan" 2>&1 || die "site plan: $(cat "$work/plan")"
    grep -q 'rack2' "$work/plan" || fail "site plan says nothing of relays: $(cat "$work/plan")"
}
cast_head planned

declare -A relay
at_relay() { local net=$1; shift; if [ "$net" = 80 ]; then exec "$@"; else exec ip netns exec "relay$net" "$@"; fi; } # NET COMMAND: becomes it
start_relay() { # NET NETWORK: until it hears
    if [ "$1" = 79 ]; then # as on a node, with the words that the head has for it
        # shellcheck disable=SC2046
        at_relay 79 "$BUILD/orthrus-node" relay $("$orthrus" cast relay "$2" --plan --json | jq -r '.steps[-1].text' | sed 's/.*orthrus-node relay //') >"$work/relay79" 2>"$work/relay79.err" </dev/null &
    else
        at_relay "$1" "$orthrus" cast relay "$2" --json >"$work/relay$1" 2>"$work/relay$1.err" </dev/null &
    fi
    relay[$1]=$!
    for _ in $(seq 500); do (at_relay "$1" ss -Hlun) 2>/dev/null | grep -q ':4580 ' && break; sleep 0.01; done
    (at_relay "$1" ss -Hlun) 2>/dev/null | grep -q ':4580 ' || die "the relay for $2 does not start: $(cat "$work/relay$1.err")"
    [ "$1" = 80 ] || is_found "$1"
}
is_found() { # NET: the router knows where the relay is
    local to
    to=$(addr "$1" 9)
    for _ in $(seq 500); do
        ip netns exec router bash -c "echo >/dev/udp/$to/9" 2>/dev/null
        ip -n router neigh show "$to" | grep -q lladdr && return
        sleep 0.02
    done
    die "the router does not find $to: $(ip -n router neigh; ip -n router addr)"
}
stop_relay() { # NET: it tells what it did
    kill -TERM "${relay[$1]}"
    wait "${relay[$1]}" || [ "$1" = 79 ] || fail "relay $1: $(cat "$work/relay$1.err")"
}
relayed() { jq -r ".$2" "$work/relay$1"; }
sent_by() { ip -n "$1" -s -j link show "$2" | jq '.[0].stats64.tx.bytes'; } # NETNS INTERFACE

# --- all six by one cast
start_relay 78 rack2
start_relay 79 rack3
start_relay 80 rack4
into78=$(sent_by router eth78) into79=$(sent_by router eth79)
anew
order 'n[01-06]'
for n in 1 2 3 4 5 6; do begin $n; done
for n in 1 2 3 4 5 6; do ended $n; same $n; done
bytes=$(of 1 cast)
[ "$bytes" -gt $((8 * MIB)) ] || die "the image has $bytes bytes: $(last 1)"
for n in 1 2 3 4 5 6; do
    [ "$(of $n https)" = 0 ] && [ "$(of $n cast)" = "$bytes" ] && [ "$(of $n casts)" = 1 ] || fail "n0$n did not get all by the cast: $(last $n)"
done
# The way into each subnet carried it once; enrolment and documents come by it too.
far=$((($(sent_by router eth78) - into78) * 100 / bytes)) farther=$((($(sent_by router eth79) - into79) * 100 / bytes))
[ "$far" -lt 125 ] && [ "$farther" -lt 125 ] || fail "the ways into the subnets carried $far % and $farther % of the image's bytes"
[ "$(casts | jq -c '[.casts[0].relays[] | [.network, .machine, .nodes, .hear, .silent]]')" = '[["rack2","relay2",2,2,false],["rack3","relay3",1,1,false],["rack4","head1",1,1,false]]' ] ||
    fail "cast status: $(casts | jq -c '.casts[0].relays')"
"$orthrus" cast status >"$work/out" 2>&1
grep -q "rack2.*relay2.*$(addr 78 9).*2 of 2" "$work/out" || fail "cast status: $(cat "$work/out")"
until_none
echo "six nodes in four subnets, all by one cast; the ways into the far ones carried $far % and $farther % of the image's bytes"
stop_now() { for net in 78 79 80; do stop_relay $net; done; }
[ "$family" = 4 ] || { stop_now; exit $failed; }

# --- what others send is not passed on, nor what is no packet of a sender
packets_before=$(ip -n relay78 -s -j link show eth0 | jq '.[0].stats64.tx.packets')
for _ in $(seq 50); do ip netns exec n1 bash -c 'printf "\xc7\x01\x00\x00\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01%064d" 7 >/dev/udp/10.78.0.9/4580'; done
for _ in $(seq 50); do bash -c 'printf "nothing of a cast, and long enough to be one %064d" 7 >/dev/udp/10.78.0.9/4580'; done
stop_now
forged=$(($(ip -n relay78 -s -j link show eth0 | jq '.[0].stats64.tx.packets') - packets_before))
[ "$(relayed 78 refused)" = 100 ] || fail "of 100 wrong packets it refused $(relayed 78 refused)"
[ "$forged" -lt 20 ] || fail "it sent $forged packets while it got wrong ones"
[ "$(relayed 78 lost)" = 0 ] || fail "the relay lost packets: $(cat "$work/relay78")"
[ ! -s "$work/relay79.err" ] || fail "the second relay: $(cat "$work/relay79.err")"

# --- a relay dies in the midst of it
apply '.cast.gather = 1 | .cast.rate_mbit = 40'
start_relay 78 rack2
anew
order 'n[01-04]'
for n in 1 2 3 4; do begin $n; done
until_at n03 30
kill -9 "${relay[78]}"; wait "${relay[78]}" 2>/dev/null
for n in 1 2 3 4; do ended $n; same $n; done
for n in 1 2; do [ "$(of $n https)" = 0 ] && [ "$(of $n casts)" = 1 ] || fail "n0$n suffered from a dead relay: $(last $n)"; done
for n in 3 4; do
    [ "$(of $n cast)" -gt 0 ] || fail "n0$n: $(last $n)"
    [ $(($(of $n cast) + $(of $n https))) -lt $((bytes * 11 / 10)) ] || fail "n0$n fetched what it had: $(last $n)"
done
until_none
echo "killed at 30 %: n03 got $(of 3 cast) by $(of 3 casts) casts (the sender's unicast, after the relay), $(of 3 https) over HTTPS"

# --- it does not run at all: somebody says so
anew
order 'n[01,03]'
begin 1; begin 3
for n in 1 3; do ended $n; same $n; done
[ "$(of 1 https)" = 0 ] || fail "n01 suffered from a missing relay: $(last 1)"
# By packets for it alone, or over HTTPS.
[ $(($(of 3 cast) + $(of 3 https))) = "$bytes" ] || fail "n03: $(last 3)"
until_none
said() { "$orthrus" event list | grep 'relay-silent' | grep -q 'rack2.*relay2.*10.78.0.9'; }
for _ in $(seq 200); do said && break; sleep 0.05; done
said || fail "no event names the relay: $("$orthrus" event list | tail -n 5)"
[ "$failed" = 0 ] && echo "RESULT cast_relay far_percent=$far seconds=$SECONDS"
exit $failed
