#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody on the cable of a cast, who hears all of it and sends what he likes: for each ten packets one that is replayed, has a bit
# flipped, is cut off, grown or made up, to the group and to the sender, with the addresses of those who are really there. The file is the same
# everywhere, and comes by multicast all the same; what is no good is counted on both sides, and nobody needs more memory than without.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: it makes networks"; exit 77; }
# shellcheck source=tests/netns/cast.bash
. "$TOP/tests/netns/cast.bash"
forge=$BUILD/tests/lab/castforge
[ -x "$forge" ] || die "there is no $forge: make tests"
mib=64 n=3
file=$work/file
head -c $((mib << 20)) /dev/urandom >"$file"

net_up $n && net_host bad 10.99.0.200 fd99::bad && net_settled 1 || die "no network"
net_hub
net_offload off # he sees packets as they are on a cable
net_rate 250

cast() { # NAME: how much memory the sender and the receivers needed, in $work/NAME.memory
    local i
    cast_send "$file" $n
    for i in $(seq $n); do cast_receive "$i"; done
    for i in $(seq $n); do ended "$i" && only_cast "$i"; done
    wait "$sender" || fail "$1: the sender: exit $?: $(tail -n 3 "$work/log.snd")"
    for i in .snd $(seq $n); do said "$i" .memory_bytes; done >"$work/$1.memory"
}

cast undisturbed
for i in $(seq $n); do [ "$(said "$i" .rejected)" = 0 ] || fail "undisturbed, receiver $i rejected $(said "$i" .rejected) packets"; done
# A last word of who has left already is not opened any more.
[ "$(said .snd .packets.rejected)" -le $n ] || fail "undisturbed, the sender rejected $(said .snd .packets.rejected) packets"

net_in bad "$forge" eth0 $sender4 10 >"$work/forge" 2>&1 &
attacker=$!
until_so 5 "the attacker" grep -q ready "$work/forge"
cast attacked
kill "$attacker"
wait "$attacker"
cat "$work/forge"
forged() { grep -oE "$1=[0-9]+" "$work/forge" | cut -d= -f2; }
# What is said to come from the sender and is known already is dropped without a look: not all that was forged is counted as such.
[ "$(forged forged)" -ge $(($(forged heard) * 9 / 100)) ] || fail "the attacker could not send as much as he wanted: $(cat "$work/forge")"
for i in $(seq $n); do
    r=$(said "$i" .rejected)
    echo "receiver $i rejected $r of $(forged to_group)"
    [ "$r" -ge $(($(forged to_group) / 4)) ] || fail "receiver $i rejected only $r of $(forged to_group) packets"
done
r=$(said .snd .packets.rejected)
echo "the sender rejected $r of $(forged to_sender)"
[ "$r" -ge $(($(forged to_sender) / 2)) ] || fail "the sender rejected only $r of $(forged to_sender) packets"
paste "$work/undisturbed.memory" "$work/attacked.memory" >"$work/memory"
growth=$(awk '{ d = ($2 - $1) / 1048576; if (d > most) most = d } END { printf "%.1f", most }' "$work/memory")
less "$growth" 16 || fail "memory grew by $growth MiB: $(cat "$work/memory")"
echo "RESULT cast_hostile forged=$(forged forged) rejected=$r,$(for i in $(seq $n); do said "$i" .rejected; done | paste -sd,) growth_mib=$growth"
exit $failed
