#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# patient: it only computes
# The cast's sender and receivers on virtual time (tests/lab/castsim.c): up to 10,000 receivers, a narrow link, one of four that
# fails, two casts on one link. Every figure has its bar.
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$BUILD/tests/lab/castsim" >"$out"
cat "$out"

bar() { # bar KEY OP LIMIT: the figure KEY of the RESULT line is OP (le, ge) LIMIT
    local value
    value=$(grep -oE " $1=[^ ]+" "$out" | cut -d= -f2)
    awk -v v="$value" -v op="$2" -v limit="$3" 'BEGIN {
        exit !(v ~ /^[0-9.]+$/ && v + 0 > 0 && (op == "le" ? v + 0 <= limit + 0 : v + 0 >= limit + 0)) }' || {
        echo "FAIL: $1 is '$value', which is not $2 $3"
        bad=1
    }
}
bad=0
# What is sent until the healthy are whole, by the ideal of block codes.
for key in n1000 n10000 n1000_bad n10000_bad n5000_dead; do bar "$key" le 1.10; done
bar nacks le 12            # reports that ask for something, for each POLL that was answered by any
bar flat le 1.10           # the time of 10,000 receivers by that of 100
bar healthy_ratio le 1.10  # one of four stopped, slow, late, killed: the time of the others by that of an undisturbed cast
bar refetch le 1.02        # what is sent again for who comes late, by what it lacks
# Nobody is quick, each stops now and then for longer than it is waited for; 1 to 40 of them, with small buffers and with such as they
# need 8 s for: the worst share of one's speed, and what was sent by the length (beside one that stops the sender goes on: that is the price).
bar slow ge 0.15
bar slow_wire le 2
for key in link_p0 link_p1 link_p5; do bar "$key" ge 0.90; done
bar wire le 1.08           # bytes on the wire by payload and ideal
bar jain ge 0.95           # two casts share a link
exit $bad
