#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 while nodes are added, again and again: what was acknowledged is there after each restart, whole, and network boot follows it.
set -u
. "$TOP/tests/cli/daemon.bash"
loops=${LOOPS:-12}

# Adds nodes one by one until the daemon is gone; the name of each that was acknowledged goes to $work/acked.
add_until_dead() { # FIRST-NUMBER
    local n=$1 mac code
    while :; do
        mac=$(printf '52:54:00:%02x:%02x:%02x' $((n >> 16 & 255)) $((n >> 8 & 255)) $((n & 255)))
        code=$(curl -s --max-time 20 -o /dev/null -w '%{http_code}' --unix-socket "$sock" -H 'Content-Type: application/json' \
            --data-binary "{\"nodes\":[{\"name\":\"n$n\",\"group\":\"compute\",\"macs\":[\"$mac\"]}]}" http://x/v1/nodes) || return
        [ "$code" != 200 ] || echo "n$n $mac" >>"$work/acked"
        n=$((n + 1))
    done
}

: >"$work/acked"
start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
for i in $(seq "$loops"); do
    add_until_dead $((i * 1000)) &
    adder=$!
    # Not at the same moment of a write each time: after the first acknowledgement, and a little later with each loop.
    before=$(wc -l <"$work/acked")
    for _ in $(seq 1000); do [ "$(wc -l <"$work/acked")" -gt "$before" ] && break; sleep 0.01; done
    sleep "0.$(printf %03d $((i * 37 % 400)))"
    stop_daemon KILL
    wait "$adder"
    start_daemon
    curl -s --unix-socket "$sock" http://x/v1/nodes >"$work/nodes"
    jq -r '.nodes[] | .name + " " + .macs[0]' "$work/nodes" | sort >"$work/there"
    missing=$(sort "$work/acked" | comm -23 - "$work/there")
    [ -z "$missing" ] || fail "loop $i: acknowledged and lost: $missing"
    # At most one more than was acknowledged each time: the one whose answer was cut.
    extra=$(sort "$work/acked" | comm -13 - "$work/there" | wc -l)
    [ "$extra" -le "$i" ] || fail "loop $i: $extra nodes that nobody was told of"
    while read -r name mac; do
        [ -e "$root/srv/orthrus/tftp/grub/nodes/$mac.cfg" ] || fail "loop $i: $name has no GRUB file after the restart"
        grep -q "^$mac,$(jq -r --arg n "$name" '.nodes[] | select(.name == $n) | .ipv4' "$work/nodes")," "$root/run/orthrus/dnsmasq.dhcp-hosts" || fail "loop $i: $name has no address after the restart"
    done <"$work/there"
    [ "$(curl -s --unix-socket "$sock" http://x/v1/nodes | jq -r '[.nodes[].ipv4] | length == (unique | length)')" = true ] ||
        fail "loop $i: two nodes have one address"
    [ "$failed" = 0 ] || exit 1
done
echo "$(wc -l <"$work/acked") nodes acknowledged in $loops lives, none lost"
