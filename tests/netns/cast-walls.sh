#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What stands between a sender and some receivers of `orthrus cast`: a firewall as hosts have it, that lets in what was asked for (multicast
# is not): they get all by unicast. One that lets in no UDP, a way that loses all large packets: they get the whole file by TLS, and say so,
# while a receiver without such a wall gets all by multicast. And hosts that have no IPv4 address at all.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: it makes networks"; exit 77; }
# shellcheck source=tests/netns/cast.bash
. "$TOP/tests/netns/cast.bash"
mib=16
file=$work/file
head -c $((mib << 20)) /dev/urandom >"$file"

firewall() { # NAMESPACE [RULE]: what Debian's wiki and most others begin with
    net_run "$1" nft "add table inet wall; add chain inet wall in { type filter hook input priority 0; policy drop; }"'
        '"${2:+add rule inet wall in $2}"'
        add rule inet wall in ct state established,related accept; add rule inet wall in iif lo accept
        add rule inet wall in meta l4proto { icmp, ipv6-icmp } accept; add rule inet wall in tcp dport 22 accept' || die "nft"
}
# As a tunnel that fits TCP's segments into itself. Packets are looked at as they are on a cable.
narrow() { # NAMESPACE ADDRESS
    net_run "$1" ethtool -K eth0 gro off >/dev/null || die "ethtool"
    net_run "$1" ip route change 10.99.0.0/24 dev eth0 proto kernel scope link src "$2" advmss 1200 || die "ip route"
    net_run "$1" nft 'add table inet narrow; add chain inet narrow in { type filter hook prerouting priority -300; }
        add rule inet narrow in meta length > 1400 counter drop' || die "nft"
}
only_tls() { # I: all came by TLS
    [ "$(said "$1" '.multicast_bytes == 0 and .tls_bytes == .bytes and .kept_bytes == 0')" = true ] ||
        fail "receiver $1 got $(said "$1" .multicast_bytes) bytes by multicast and $(said "$1" .tls_bytes) by TLS"
}
says() { grep -qF -- "$2" "$work/log$1" || fail "receiver $1 does not say '$2': $(cat "$work/log$1")"; } # I TEXT
sender_ends() { # WHAT TIMES: it sent no more than so many times the file
    wait "$sender" || fail "$1: the sender: exit $?: $(tail -n 3 "$work/log.snd")"
    [ "$(said .snd ".wire_bytes < .bytes * $2")" = true ] || fail "$1: $(said .snd .wire_bytes) bytes were sent for a file of $(said .snd .bytes)"
}

echo "--- a firewall"
net_up 3 && net_settled || die "no network"
firewall r2
firewall r3
cast_send "$file" 3
for i in 1 2 3; do cast_receive $i; done
for i in 1 2 3; do ended $i && only_cast $i; done
sender_ends "a firewall" 3.3

echo "--- a firewall that lets in no UDP"
net_up 3 && net_settled || die "no network"
firewall r2 'meta l4proto udp drop'
firewall r3 'meta l4proto udp drop'
cast_send "$file" 3
for i in 1 2 3; do cast_receive $i; done
for i in 1 2 3; do ended $i; done
sender_ends "no UDP" 1.1
only_cast 1
for i in 2 3; do
    only_tls $i
    says $i 'nothing came by multicast'
done
[ "$(said .snd '[.receivers[] | select(.multicast_bytes == 0 and .tls_bytes == '$((mib << 20))')] | length')" = 2 ] || fail "the sender does not say who got all by TLS: $(said .snd .receivers)"

echo "--- large packets are lost"
net_up 3 && net_settled || die "no network"
net_run snd ethtool -K eth0 tx-udp-segmentation off tso off gso off >/dev/null || die "ethtool"
narrow r2 "$(receiver4 2)"
narrow r3 "$(receiver4 3)"
cast_send "$file" 3
for i in 1 2 3; do cast_receive $i; done
for i in 1 2 3; do ended $i; done
sender_ends "large packets are lost" 2.2 # to them once more, in vain, while they wait
only_cast 1
for i in 2 3; do
    only_tls $i
    says $i 'only small packets came by multicast'
done

echo "--- IPv6 alone"
net_up 2 && net_settled || die "no network"
for h in snd r1 r2; do
    net_run $h ip -4 address flush dev eth0
    net_run $h ip -4 address flush dev lo
    [ -z "$(net_run $h ip -4 address)$(net_run $h ip -4 route)" ] || fail "$h has IPv4: $(net_run $h ip -4 address) $(net_run $h ip -4 route)"
done
net_run snd "$orthrus" cast send "$file" --interface eth0 --token-file "$work/none" >"$work/out" 2>&1
[ $? = 2 ] && grep -q 'has no IPv4 address' "$work/out" && grep -q -- '--ipv6 sends by IPv6' "$work/out" || fail "without --ipv6: $(cat "$work/out")"
cast_send "$file" 2 --ipv6
for i in 1 2; do cast_receive $i; done
for i in 1 2; do ended $i && only_cast $i; done
sender_ends "IPv6 alone" 1.1
[ "$(said .snd '[.receivers[].address | test("^fd99::1")] == [true, true]')" = true ] || fail "whom the sender knows: $(said .snd .receivers)"
exit $failed
