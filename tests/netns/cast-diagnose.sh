#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong in a network stands in `orthrus cast status` and in events, with the next step: real faults between the real
# orthrusd and the imager's own code (tests/lab/bring_tool.c). However the cast fares, each node has its image at the end. Large
# packets, links and switches: cast-diagnose2.
set -u
# shellcheck source=tests/netns/cast_diagnose.bash
. "$(dirname "$0")/cast_diagnose.bash"

echo "--- nothing is wrong, and that is what is shown"
install 1 2 3
all_ended 1 2 3
[ "$(kinds)" = "" ] || fail "found without a fault: $(newest .findings)"
"$orthrus" cast status | grep -q '^!' && fail "status: $("$orthrus" cast status)"
[ "$(newest '[.nodes[].link | .mtu, .duplex] | unique | join(" ")')" = "1500 full" ] || fail "nodes do not tell of their links: $(newest .nodes)"
[ "$(newest '[.nodes[] | "\(.switch) \(.switch_port)"] | sort | join(" ")')" = "sw-a Gi0/1 sw-a Gi0/2 sw-b Gi0/3" ] || fail "no switches: $(newest .nodes)"

echo "--- a firewall at the head keeps reports out: the ports that the site says"
fault head 'udp dport 4600-4615 counter drop'
install 1 2
event cast-unheard 'n01 and n02 have a ticket, but no report arrives at UDP 10.77.0.1:4600'
all_ended 1 2
shows no-reports 'n01 and n02 have a ticket, but no report arrives at UDP 10.77.0.1:4600: see whether a firewall on the head'
event cast-over 'no report arrives at UDP 10.77.0.1:4600'
mended head

echo "--- somebody else has the first port: the next one is taken"
python3 -c 'import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(("10.77.0.1",4600)); print(1,flush=True); time.sleep(600)' >"$work/taken" &
taken=$!
for _ in $(seq 200); do [ -s "$work/taken" ] && break; sleep 0.02; done
fault head 'udp dport 4600-4615 counter drop'
install 1
event cast-unheard 'no report arrives at UDP 10.77.0.1:4601'
all_ended 1
mended head
kill $taken; wait $taken 2>/dev/null

echo "--- one node hears no multicast"
fault n3 'ip daddr 224.0.0.0/4 drop'
install 1 2 3
all_ended 1 2 3
shows not-arriving 'Multicast does not reach n03'
mended n3

echo "--- one hears nothing by UDP at all, one is not heard"
fault n3 'ip saddr 10.77.0.1 meta l4proto udp drop'
fault head 'ip saddr 10.77.0.102 meta l4proto udp drop'
install 1 2 3
all_ended 1 2 3
shows 'unreachable unheard' 'Nothing of the cast reaches n03, not even packets to it alone'
"$orthrus" cast status | grep -q '^! n02 has a ticket, but no report of it arrives at UDP 10.77.0.1:4600, and others. do' || fail "status: $("$orthrus" cast status | head -n 12)"
mended n3; mended head

echo "--- one loses packets: its cable, at the switch that LLDP told of"
fault n4 'udp dport 4600 numgen random mod 100 < 12 drop'
install 1 2 3 4
all_ended 1 2 3 4
shows cable 'n04 at switch sw-b (port Gi0/4) alone loses 1'
event cast-over 'n04 at switch sw-b (port Gi0/4) alone loses'
mended n4

echo "--- both behind one switch do: its uplink"
for n in 3 4; do fault n$n 'udp dport 4600 numgen random mod 100 < 8 drop'; done
install 1 2 3 4
all_ended 1 2 3 4
shows switch 'All nodes behind switch sw-b lose packets'
for n in 3 4; do mended n$n; done

[ "$failed" = 0 ] && echo "RESULT cast_diagnose faults=7 seconds=$SECONDS"
exit $failed
