#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `make bench-store` says of its figures, and that its small files are the same bytes everywhere.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

# Two trees, every tool in some rounds: medians are asked for, not means; the worse tree counts. On each line: tool, seconds of ingest and
# of restore, three rounds each, and size.
figures() { # SECONDS_OF_RESTIC DELTA PEAK_KB
    local t tool i r size n
    for t in compute small; do
        for n in content_mb=1000 files=1000 cores=2 memcpy_1_mb_s=8000 memcpy_all_mb_s=16000 sha256_1_mb_s=1000 sha256_all_mb_s=2000 zstd3_1_mb_s=250 \
            zstd3_all_mb_s=500 unzstd_1_mb_s=1000 unzstd_all_mb_s=2000 read_mb_s=5000 read_files_s=1000 zstd3_ratio=0.5 disk_write_mb_s=1000 \
            create_1_files_s=10000 create_all_files_s=20000; do
            echo "$t limit ${n%=*} ${n#*=}"
        done
        while read -r tool i r size; do
            for n in ${i//,/ }; do echo "$t $tool ingest $n $n $3 1.0"; done
            for n in ${r//,/ }; do echo "$t $tool restore $n $n 1000 1.0"; done
            echo "$t $tool size $size"
        done <<EOF2
orthrus 5,4,99 3,1,2 900
restic $1,10,10 8,8,8 1200
borg 12,12,12 9,9,9 1200
tar 5,5,5 5,5,5 1000
bsdtar 9,9,9 5,5,5 1000
EOF2
    done
    # Slower in the second tree.
    for n in 1 2 3 4 5; do echo "small orthrus restore 2.5 2.5 1000 1.0"; done
    echo "updated orthrus delta $2 900"
}
report() { "$TOP/tests/bench/report.awk" "$work/figures" >"$work/out" 2>&1; }

figures 10 300 100000 >"$work/figures"
report || fail "all targets are reached, yet exit $?: $(cat "$work/out")"
want='RESULT store ingest_vs_restic=2.00 ingest_vs_borg=2.40 restore_vs_bsdtar=2.00 restore_vs_restic=3.20 size_vs_tarzstd=0.900 delta_ratio=0.333 rss_mib=98'
[ "$(tail -n 1 "$work/out")" = "$want" ] || fail "the last line is not '$want': $(tail -n 1 "$work/out")"
grep -q MISSED "$work/out" && fail "a target is said to be missed: $(grep MISSED "$work/out")"
# 1000 MB: hashed 0.5 s, packs' names 0.25, compressed 2, read 0.1; 5 s were needed.
grep -qF 'ingest: no less than 2.85 s (cores 2.85, disk 0.50): orthrus reaches a share of 57 %, 200 of 351 MB/s' "$work/out" || fail "the limit of ingest: $(grep 'ingest: no' "$work/out")"
grep -qF 'restore: no less than 1.00 s (cores 0.80, disk 1.00): orthrus reaches a share of 50 %' "$work/out" || fail "the limit of restore: $(grep 'restore: no' "$work/out")"

# Each of what can be missed.
figures 10 500 100000 >"$work/figures"
report && fail "a second image too large passes"
grep -qx 'MISSED: delta_ratio is 0.556, the target at most 0.55' "$work/out" || fail "delta: $(grep MISSED "$work/out")"
figures 10 300 270000 >"$work/figures"
report && fail "too much memory passes"
grep -qx 'MISSED: rss_mib is 264, the target at most 256' "$work/out" || fail "memory: $(grep MISSED "$work/out")"
{ figures 10 300 100000; for n in {1..9}; do echo "small orthrus restore 3 3 1000 1.0"; done; } >"$work/figures"
report && fail "a slow restore of one tree passes"
grep -qx 'MISSED: restore_vs_bsdtar is 1.67, the target at least 2' "$work/out" || fail "restore: $(grep MISSED "$work/out")"
grep -qx "MISSED: restore_vs_restic is 2.67, the target at least 3" "$work/out" || fail "restore: $(grep MISSED "$work/out")"

"$BUILD/tests/bench/small_files" "$work/small" 250 || fail "small_files"
[ "$(find "$work/small" -type f | wc -l)" = 250 ] || fail "not 250 files"
digest=$(cd "$work/small" && find . -type f -printf '%P %s %T@\n' | sort | sha256sum; cd "$work/small" && find . -type f | sort | xargs cat | sha256sum)
echo "$digest" | sha256sum | cut -c1-16 >"$work/digest"
[ "$(cat "$work/digest")" = 314cf5511d2af2ac ] || fail "the small files are others: $(cat "$work/digest"); figures of two machines would not compare"
exit $failed
