#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every branch of the lease's core (headfailover/guard/core*.c) is taken both ways by its unit tests alone: gcov, without optimisation,
# nothing left out. A branch that cannot be taken is a condition too many.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$TOP"
sources=$(ls headfailover/guard/core*.c)
for f in $sources; do
    gcc -std=gnu11 -O0 -g --coverage -D_GNU_SOURCE -Ilib -I. -c "$TOP/$f" -o "$dir/$(basename "$f" .c).o" &
done
gcc -std=gnu11 -O1 -D_GNU_SOURCE -Ilib -I. -c lib/base/err.c -o "$dir/err.o" &
wait
n=0
for t in tests/unit/guard_core*.c; do
    gcc -std=gnu11 -O1 --coverage -D_GNU_SOURCE -Ilib -I. -o "$dir/test" "$t" "$dir"/*.o -lcmocka
    "$dir/test" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
    n=$((n + 1))
done
cd "$dir"
branches=0 missed=0 lines=0 dark=0
for f in $sources; do
    gcov -b -c "$(basename "$f" .c).o" >/dev/null
    g=$(basename "$f").gcov
    # shellcheck disable=SC2046
    set -- $(awk '/^branch/ { n++; if (/never executed|taken 0( |$)/) m++ }
        /^ *[0-9]+\*?:/ { l++ } /^ *#####:/ { l++; d++ } END { print n + 0, m + 0, l + 0, d + 0 }' "$g")
    branches=$((branches + $1)) missed=$((missed + $2)) lines=$((lines + $3)) dark=$((dark + $4))
    awk -v f="$f" -F: '/^ *([0-9]+\*?|#####):/ { line = $2 + 0; text = $0; sub(/^[^:]*:[^:]*:/, "", text); if (/^ *#####/) print f ":" line ": never run:" text }
        /^branch/ && /never executed|taken 0( |$)/ { print f ":" line ": a branch is not taken:" text }' "$g"
done
echo "RESULT guard_coverage tests=$n lines=$lines lines_missed=$dark branches=$branches branches_missed=$missed"
[ "$branches" -ge 200 ] && [ "$missed" = 0 ] && [ "$dark" = 0 ]
