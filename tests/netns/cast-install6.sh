#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A cluster without IPv4: nodes get their image by one cast all the same, and over HTTPS where no multicast comes.
set -u
[ -e /proc/net/if_inet6 ] || { echo "needs a kernel with IPv6"; exit 77; }
# shellcheck source=tests/netns/cast_nodes.bash
. "$(dirname "$0")/cast_nodes.bash"
cast_network 3 6
"$orthrus" site init --interface eth0 --head-name head1 --trust-mac --ipv4 off --ipv6 fd00:77::/64 --head-address fd00:77::1 >"$work/out" 2>&1 || die "site init: $(cat "$work/out")"
change_site '.cast = {gather: 2}'
cast_head
ip netns exec n3 nft 'add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; add rule inet deaf in meta l4proto udp drop' || die "nft"
[ -z "$(ip -4 -o addr show dev eth0)$(ip -n n1 -4 -o addr show dev eth0)" ] || fail "there is IPv4"

before=$(sent)
order 'n[01-02]'
for n in 1 2; do begin $n; done
for n in 1 2; do ended $n; same $n; done
bytes=$(($(of 1 cast) + $(of 1 https)))
wire=$((($(sent) - before) * 100 / bytes))
[ "$bytes" -gt $((8 * MIB)) ] || fail "the image has $bytes bytes: $(last 1)"
for n in 1 2; do
    [ "$(of $n casts) $(of $n https)" = "1 0" ] || fail "n0$n: $(last $n)"
    [ "$(of $n cast)" = "$bytes" ] || fail "n0$n: $(last $n)"
    [ "$(state_of "n0$n")" = installed ] || fail "n0$n is $(state_of "n0$n")"
done
case $(casts | jq -r '.casts[0].group') in ff3*:*) ;; *) fail "no group of IPv6: $(casts)" ;; esac
[ "$wire" -lt 130 ] || fail "two nodes took $wire % of the image's bytes from the head's line"

# One that hears no multicast disturbs nobody.
anew
order 'n[02-03]'
for n in 2 3; do begin $n; done
for n in 2 3; do ended $n; same $n; done
[ "$(of 2 https)" = 0 ] || fail "n02: $(last 2)"
[ "$(of 3 cast) $(of 3 https)" = "0 $bytes" ] || fail "n03 is deaf: $(last 3)"
[ "$failed" = 0 ] && echo "RESULT cast_install6 wire_percent=$wire seconds=$SECONDS"
exit $failed
