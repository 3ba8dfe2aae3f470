#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images are cast in jumbo frames where the site has them and they reach nearly all, by whatever way; where they don't reach more than a quarter, the
# cast begins anew without.
set -u
command -v ethtool >/dev/null || [ -x /usr/sbin/ethtool ] || { echo "needs the program ethtool"; exit 77; }
# shellcheck source=tests/netns/cast_nodes.bash
. "$(dirname "$0")/cast_nodes.bash"
cast_network 3 4
make_site --trust-mac --ipv6 off
change_site '.cast = {gather: 2}'
cast_head

mtu() { # BYTES NODE-NUMBER...: of their cables
    for n in "${@:2}"; do ip -n "n$n" link set eth0 mtu "$1"; ip -n switch link set "p$n" mtu "$1"; done
}
jumbo() { # WHAT SYMBOLS: three install, by casts of these symbols, and nothing over HTTPS
    local known took bytes
    anew
    known=$(casts | jq '[.casts[].cast]')
    order 'n[01-03]'
    for n in 1 2 3; do begin $n; done
    for n in 1 2 3; do ended $n; same $n; done
    took=$(casts | jq -r --argjson k "$known" '[.casts[] | select(.cast as $c | $k | index($c) | not) | .symbol_bytes] | reverse | map(tostring) | join(" ")')
    [ "$took" = "$2" ] || fail "$1: casts of symbols of $took bytes, not $2"
    bytes=$(($(of 1 cast) + $(of 1 https)))
    [ "$bytes" -gt $((8 * MIB)) ] || die "the image has $bytes bytes: $(last 1)"
    for n in 1 2 3; do [ "$(of $n https)" -lt $((bytes / 20)) ] || fail "$1: n0$n: $(last $n)"; done
    echo "$1: by $(casts | jq -c '.casts[0].ways'); $(of 3 casts) casts; n03 $(of 3 text)"
}
apply '(.networks[] | select(.role == "provision")).mtu = 9000'
ethtool -K eth0 tx-udp-segmentation off >/dev/null # a bridge lets pass what is still to be segmented, however long its packets are
ip link set eth0 mtu 9000
ip -n switch link set head mtu 9000
mtu 9000 1 2 3
ip netns exec n3 nft 'add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; add rule inet deaf in ip daddr 224.0.0.0/4 drop' || die "nft"
jumbo "jumbo, one hears no multicast" 8896
[ "$(casts | jq -c '.casts[0].ways')" = '["broadcast"]' ] || fail "one hears no multicast: by $(casts | jq -c '.casts[0].ways')"
mtu 1500 3
jumbo "jumbo does not reach one of three" "8896 1408"
[ "$failed" = 0 ] && echo "RESULT cast_jumbo seconds=$SECONDS"
exit $failed
