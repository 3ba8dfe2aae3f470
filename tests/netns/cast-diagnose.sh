#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong in a network stands in `orthrus cast status` and in events, with the next step: real faults between the real
# orthrusd and the imager's own code (tests/lab/bring_tool.c). However the cast fares, each node has its image at the end.
set -u
for p in ethtool python3 setpriv script; do command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }; done
# shellcheck source=tests/netns/cast_nodes.bash
. "$(dirname "$0")/cast_nodes.bash"
querier=$BUILD/tests/lab/querier_tool SILENCE=3
[ -x "$querier" ] || { echo "needs $querier: make tests"; exit 77; }
# The switch listens who wants multicast, once somebody asks; it says nothing itself.
cast_network 5 4
ip netns exec switch sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
cast_node 9 4
# The link of n05 is bad: its end of it is a tap that says so, and what comes and goes is handed on by a program.
ip -n n5 addr flush dev eth0
ip -n n5 link set eth0 down
ip -n n5 link set eth0 name wire
ip netns exec n5 ethtool -K wire gro off >/dev/null
cat >"$work/relay.py" <<'PY'
import fcntl, os, select, socket, struct
tap = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tap, 0x400454ca, struct.pack('16sH', b'eth0', 0x1002)) # TUNSETIFF: IFF_TAP | IFF_NO_PI
os.system('ip link set wire up promisc on; ip link set eth0 address 52:54:00:00:00:05 up; ip addr add 10.77.0.105/24 dev eth0')
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('wire', 3))
s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20) # SO_RCVBUFFORCE
print('ready', flush=True)
while True:
    for fd in select.select([tap, s], [], [])[0]:
        if fd is tap:
            s.send(os.read(tap, 65536))
        else:
            frame, where = s.recvfrom(65536)
            if where[2] != 4: # PACKET_OUTGOING
                os.write(tap, frame)
PY
ip netns exec n5 python3 "$work/relay.py" >"$work/relay" 2>&1 &
for _ in $(seq 200); do grep -q ready "$work/relay" && break; sleep 0.05; done
grep -q ready "$work/relay" || { echo "needs a tap: $(cat "$work/relay")"; exit 77; }
ip netns exec n5 ethtool -s eth0 speed 100 duplex half || die "ethtool"
# nft sees packets that are to be segmented as one; and a network card does not hide what the way takes.
ethtool -K eth0 tx off >/dev/null
fault() { # NAMESPACE|head RULE: at what comes in there
    local in=(); [ "$1" = head ] || in=(ip netns exec "$1")
    "${in[@]}" nft "add table inet fault; add chain inet fault in { type filter hook prerouting priority -300; }; add rule inet fault in $2" || die "nft: $2"
}
mended() { local in=(); [ "$1" = head ] || in=(ip netns exec "$1"); "${in[@]}" nft delete table inet fault; }

# --- the head, its image, and its nodes: n03 and those after it are behind one switch
make_site --trust-mac --ipv6 off
change_site '.cast = {gather: 3, port: 4600}'
cast_head
for i in $(seq $nodes); do
    machine "$(mac "$i")" "S$i-" |
        jq --argjson n "$i" '.nics[0].lldp = {system: (if $n > 2 then "sw-b" else "sw-a" end), chassis: "02:00:00:00:00:01", port: "Gi0/\($n)", vlan: 0}' >"$work/machine$i"
done

install() { # NODE-NUMBERS...: all of them, to their end; what is wrong is no reason not to have the image
    anew
    order "$(printf 'n0%s,' "$@" | sed 's/,$//')"
    for n in "$@"; do begin "$n"; done
}
all_ended() { # NODE-NUMBERS...
    for n in "$@"; do
        ended "$n"
        same "$n"
    done
    until_none
}
newest() { "$orthrus" cast status --json | jq -r '.casts[0] | '"$1"; }
kinds() { newest '[.findings[].kind] | join(" ")'; }
shows() { # KINDS SENTENCE: of the newest cast that, and no more
    [ "$(kinds)" = "$1" ] || fail "found is '$(kinds)', not '$1': $(newest '.findings, .nodes')"
    # The newest cast is the first one.
    "$orthrus" cast status >"$work/out"
    grep '^! ' "$work/out" | head -n 1 | grep -qF -- "$2" || fail "status does not say '$2': $(cat "$work/out")"
}
event() { # KIND SENTENCE
    for _ in $(seq 200); do "$orthrus" event list | grep -F -- " $1 " | grep -qF -- "$2" && return; sleep 0.05; done
    fail "no event $1 says '$2': $("$orthrus" event list | tail -n 5)"
}

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

echo "--- large packets do not come through"
fault n2 'udp dport 4600 meta length > 1400 drop'
install 1 2 3
all_ended 1 2 3
shows mtu 'Packets of 1476 bytes do not reach n02, small ones do'
mended n2

echo "--- a link is half duplex"
install 1 2 5
all_ended 1 2 5
shows duplex 'The link of n05 is half duplex'
[ "$(newest '.nodes[] | select(.node == "n05") | .link | "\(.interface) \(.speed_mbit) \(.duplex)"')" = "eth0 100 half" ] || fail "the link of n05: $(newest .nodes)"

echo "--- the head's own interface takes no packets of that size"
ip link set eth0 mtu 1400
install 1 2
all_ended 1 2
shows mtu "The sender's own interface takes packets of 1400 bytes, and the cast's have 1476"
ip link set eth0 mtu 1500

# send_file WORDS-OF-THE-SENDER...: guest1 and, without any privilege, guest2 receive it; all to their end
chmod 711 "$work"; mkdir -m 777 "$work/guest"
send_file() {
    rm -f "$work/token" "$work/guest"/*
    "$orthrus" cast send "$work/tree-compute/usr/bin/large" --interface eth0 --receivers 2 --token-file "$work/token" "$@" >"$work/sent" 2>"$work/err" </dev/null &
    sender=$!
    for _ in $(seq 200); do [ -s "$work/token" ] && break; sleep 0.05; done
    for n in 1 2; do
        local as=(); [ $n = 1 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all)
        ip netns exec "n$n" unshare --uts sh -c "hostname guest$n; exec \"\$@\"" sh "${as[@]}" "$orthrus" cast receive "$work/guest/$n" --token-file - <"$work/token" >"$work/out$n" 2>&1 &
        pid[$n]=$!
    done
    for n in 1 2; do wait "${pid[$n]}" || fail "receive: $(cat "$work/out$n")"; cmp "$work/tree-compute/usr/bin/large" "$work/guest/$n" || fail "guest$n has other bytes"; done
    wait $sender || fail "send: $(cat "$work/sent" "$work/err")"
}
echo "--- a sender without a head, whose firewall lets tickets be asked for and drops reports"
fault head 'udp dport 4700 counter drop'
send_file --port 4700 --gather 8 --wait 3
grep -qE '^! guest[12] and guest[12] have a ticket, but no report arrives at UDP 10.77.0.1:4700: see whether a firewall on the sender' "$work/sent" || fail "send does not say it: $(cat "$work/sent")"
grep -q 'no report arrives at UDP 10.77.0.1:4700' "$work/err" || fail "send does not warn while it waits: $(cat "$work/err")"
mended head

# A small receive buffer can't be made here: the limit is the whole machine's. But what the finding says is what the file has.
grep -qx 'net.core.rmem_max = 33554432' "$TOP/packages/60-orthrus.conf" || fail "60-orthrus.conf says something else than the finding"

echo "--- a switch that snoops, and nobody asks: it forgets members after 3 s"
ip -n switch link set sw type bridge mcast_snooping 1 mcast_membership_interval 300
apply '.cast.querier = "off" | .cast.rate_mbit = 12'
# A router has asked once and is gone: from then on the switch believes that it knows who wants what.
ip netns exec n9 "$querier" eth0 4 200 200 >"$work/router" 2>&1 &
router=$!
for _ in $(seq 200); do grep -q 'ipv4 this head' "$work/router" && break; sleep 0.05; done
kill $router; wait $router 2>/dev/null
install 1 2 3
all_ended 1 2 3
# They ask again, go on in this cast or in another one, and hear it until it is forgotten again: it is said of the first in any case.
"$orthrus" cast status >"$work/out"
for what in 'n01, n02 and n03 heard the cast, and at once no more' 'set cast.querier to "auto"'; do
    grep '^! ' "$work/out" | grep -qF -- "$what" || fail "status does not say '$what': $(cat "$work/out")"
done
curl -s --unix-socket "$sock" http://x/v1/casts | jq -e 'any(.casts[].findings[]; .kind == "no-querier")' >/dev/null || fail "no cast has this finding"
# At a terminal lines are broken between words; a pipe gets each finding as one line.
script -qec "stty cols 72; '$orthrus' cast status" /dev/null </dev/null | tr -d '\r' >"$work/out"
head -n 9 "$work/out"
awk 'length > 71 && (/^! / || /^  /) { exit 1 }' "$work/out" || fail "findings are not broken at 72 columns: $(cat "$work/out")"
tr '\n' ' ' <"$work/out" | tr -s ' ' | grep -qF 'set cast.querier to "auto" in site.json, or enable a querier on a switch or router.' || fail "words are lost: $(cat "$work/out")"
[ "$failed" = 0 ] && echo "RESULT cast_diagnose faults=13 seconds=$SECONDS"
exit $failed
