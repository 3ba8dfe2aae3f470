#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# By which ways a cast goes out: as few as reach all. A receiver that hears no multicast is found by the probe train and served by broadcast, or
# by packets of its own; hosts of one address family each take part in one cast; who hears nothing at first still gets all; jumbo packets.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root (tests/run --kind netns as root)"; exit 77; }
# shellcheck source=tests/netns/cast.bash
. "$TOP/tests/netns/cast.bash"
pair=$BUILD/tests/lab/castpair
mib=24
file=$work/file
head -c $((mib << 20)) /dev/urandom >"$file"
port=7400

closed() { # NAMESPACE NFT-MATCH...: drops what matches on its way in
    net_run "$1" nft add table inet modes 2>/dev/null
    net_run "$1" nft add chain inet modes in '{' type filter hook input priority 0 ';' '}' 2>/dev/null
    net_run "$1" nft add rule inet modes in meta l4proto udp "${@:2}" drop || die "nft in $1: ${*:2}"
}
no_multicast() { closed "$1" ip daddr 224.0.0.0/4; closed "$1" ip6 daddr ff00::/8; }
no_broadcast() { closed "$1" meta pkttype broadcast; }
only4() { net_run "$1" sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1; }
only6() { net_run "$1" ip address flush dev eth0 scope global; net_run "$1" ip address add "fd99::1$(printf %02x "${1#r}")/64" dev eth0 nodad; }

# What each side says is in said.snd, said1 and so on. The network is that of net_up and what was done to it since.
both=(--group 232.7.7.1 --sender $sender4 --group2 ff35::8000:71 --sender2 $sender6 --broadcast 10.99.0.255)
mode=("${both[@]}")
start() { # RECEIVERS [OPTION...]: the sender
    net_in snd "$pair" send "$file" --secret "$port" --port $port "${mode[@]}" --receivers "$@" >"$work/said.snd" 2>"$work/log.snd" &
    sender=$!
}
listen() { # I [OPTION...]
    net_in "r$1" "$pair" receive "$work/got$1" --secret "$port" --port $port "${mode[@]}" --number "$1" --bytes $((mib << 20)) "${@:2}" \
        >"$work/said$1" 2>"$work/log$1" &
    receiver[$1]=$!
}
word() { sed -nE "s/.* $2=([^ ]*).*/\1/p" "$work/said$1"; } # NAME=... of receiver I's, or .snd's, result
finish() { # WHAT RECEIVERS WAYS: all have it, and it went out by these
    local i
    for i in $(seq "$2"); do ended "$i" || fail "$1: $(cat "$work/said$i" "$work/log.snd")"; done
    wait $sender || fail "$1: the sender: exit $?: $(cat "$work/said.snd" "$work/log.snd")"
    [ "$(word .snd ways)" = "$3" ] || fail "$1: by ways $(word .snd ways) and not $3 (wire_ratio $(word .snd wire_ratio))"
    for i in $(seq "$2"); do echo "$1: receiver $i: probes $(word "$i" probes), rejected $(word "$i" rejected)"; done
    echo "$1: ways $(word .snd ways), $(word .snd wire_ratio) times its bytes sent"
    port=$((port + 10))
}
at_most() { less "$(word .snd wire_ratio)" "$2" || fail "$1: $(word .snd wire_ratio) times its bytes were sent, more than $2"; }
at_once() { # RECEIVERS
    local i
    net_settled || die "no network"
    for i in $(seq "$1"); do listen "$i"; done
    start "$1"
}

# --- the usual network: one way
net_up 3
at_once 3
finish "all hear all" 3 2
at_most "all hear all" 1.3
for i in 1 2 3; do [ "$(word $i rejected)" = 0 ] || fail "all hear all: receiver $i rejected $(word $i rejected) packets"; done

# --- multicast stops before one of three: broadcast for all, and no multicast
net_up 3
no_multicast r2
at_once 3
finish "one hears no multicast" 3 4
at_most "one hears no multicast" 1.3

# --- and broadcast too: packets for it alone, besides
net_up 3
no_multicast r2
no_broadcast r2
at_once 3
finish "one hears packets of its own only" 3 a
[ $(((0x$(word 2 probes) & 0x88) == 0x88)) = 1 ] || fail "the probes of receiver 2: $(word 2 probes)"
at_most "one hears packets of its own only" 2.6

# --- hosts of IPv4 only and of IPv6 only in one cast
net_up 3
only4 r1
only6 r2
at_once 3
finish "one family each" 3 3
at_most "one family each" 2.6

# --- no multicast at all
net_up 3
for i in 1 2 3; do no_multicast "r$i"; done
at_once 3
finish "no multicast at all" 3 4

# --- IPv6 alone, as the sender of a cluster without IPv4 has it
mode=(--group ff35::8000:72 --sender $sender6)
net_up 2
at_once 2
finish "IPv6 alone" 2 1
mode=("${both[@]}")

# --- one that comes late and hears nothing of the way in use
net_up 3
no_multicast r3
net_settled || die "no network"
net_rate 100
listen 1
listen 2
start 3 --expected 2 --empty-ms 3000
until_so 10 "something was sent" sent_at_least $((4 << 20))
listen 3
finish "a late one without multicast" 3 6
net_no_rate

# --- jumbo frames
net_up 2
for n in snd r1 r2; do net_run $n ip link set eth0 mtu 9000; done
for p in br0 p-snd p-r1 p-r2; do net_run sw ip link set $p mtu 9000; done
mode=("${both[@]}" --symbol 8896)
at_once 2
finish "jumbo" 2 2
[ $(((0x$(word 1 probes) & 0xf00) == 0x700)) = 1 ] || fail "jumbo: receiver 1 heard $(word 1 probes)"

mode=("${both[@]}")

# --- the same with tickets: nobody fetches anything by TLS; and jumbo packets that one does not get, who fetches all
net_up 3
no_multicast r2
only4 r1
net_settled || die "no network"
cast_send "$file" 3
for i in 1 2 3; do cast_receive $i; done
for i in 1 2 3; do ended $i && [ "$(said $i .tls_bytes)" = 0 ] || fail "with tickets: receiver $i: $(cat "$work/said$i")"; done
wait $sender || fail "with tickets: the sender: $(cat "$work/said.snd" "$work/log.snd")"
net_up 3
for n in snd r1 r2; do net_run $n ip link set eth0 mtu 9000; done
for p in br0 p-snd p-r1 p-r2; do net_run sw ip link set $p mtu 9000; done
net_offload off # a bridge lets pass what is still to be segmented, however long its packets are
net_settled || die "no network"
cast_send "$file" 3 --jumbo
for i in 1 2 3; do cast_receive $i; done
for i in 1 2 3; do ended $i; done
for i in 1 2; do [ "$(said $i .tls_bytes)" = 0 ] || fail "--jumbo: receiver $i: $(cat "$work/said$i")"; done
[ "$(said 3 '.tls_bytes == .bytes')" = true ] || fail "--jumbo: receiver 3: $(cat "$work/said3")"
net_run snd ip link set eth0 mtu 1500
net_run snd "$orthrus" cast send "$file" --jumbo --interface eth0 >"$work/out" 2>&1 && fail "--jumbo with an MTU of 1500"
grep -q 'takes no packets of 9000 bytes' "$work/out" || fail "--jumbo with an MTU of 1500: $(cat "$work/out")"

[ "$failed" = 0 ] && echo "RESULT cast_modes seconds=$SECONDS"
exit $failed
