#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it keeps all processors busy
# Two pairs of heads, one with leases of 100 ms, one of 20 ms, on a machine whose processors all have twice as much to do as they can, for
# GUARD_LOAD_S seconds (600): the first must not move, the moves of the second are counted.
set -u
# shellcheck source=tests/netns/guard.bash
. "$TOP/tests/netns/guard.bash"
seconds=${GUARD_LOAD_S:-600}

guard_network head1=1 head2=2 w1=3 fast1=11 fast2=12 w2=13
guard_site '.pair.lease_ms = 20 | .pair.renew_ms = 4 | .heads[0].name = "fast1" | .heads[0].ipv4 = "10.77.0.11" | .heads[0].ipv6 = "fd77::11"
    | .heads[1].name = "fast2" | .heads[1].ipv4 = "10.77.0.12" | .heads[1].ipv6 = "fd77::12" | .service_addresses = [{name: "svc", ipv4: "10.77.0.101"}]
    | .pair.witnesses = [{name: "w2", addresses: ["10.77.0.13"]}]'
mv "$work/etc/orthrus/site.json" "$work/fast.json"
rm "$work/guard.key"
guard_site '.pair.lease_ms = 100 | .pair.renew_ms = 20'
for h in head1 head2 w1; do guard_start $h; done
for h in fast1 fast2 w2; do guard_start $h --site "$work/fast.json"; done
until_value head1 role holder
until_value head2 role standby
until_value fast1 role holder
until_value fast2 role standby
moves() { echo $(($(value "$1" takeovers) + $(value "$2" takeovers))); }
lost() { echo $(($(value "$1" losses) + $(value "$2" losses))); } # also by one that got it back itself
slow_before=$(moves head1 head2) fast_before=$(moves fast1 fast2)
slow_lost=$(lost head1 head2) fast_lost=$(lost fast1 fast2)
burners=()
for _ in $(seq $((2 * $(nproc)))); do
    (while :; do :; done) &
    burners+=($!)
done
sleep "$seconds"
kill "${burners[@]}"
slow=$(($(moves head1 head2) - slow_before)) fast=$(($(moves fast1 fast2) - fast_before))
slow_lost=$(($(lost head1 head2) - slow_lost)) fast_lost=$(($(lost fast1 fast2) - fast_lost))
worst() { status "$1" | jq -r '.guard.renewals.worst_us / 1000'; }
[ "$slow" = 0 ] || fail "with leases of 100 ms it moved $slow times: $(grep -h 'takes over\|no processor' "$work"/head?.log | tail -n 5)"
echo "RESULT guard_load seconds=$seconds t100_false=$slow t100_lost=$slow_lost t20_false=$fast t20_lost=$fast_lost t100_worst_renewal_ms=$(worst head1) t20_worst_renewal_ms=$(worst fast1)"
exit $failed
