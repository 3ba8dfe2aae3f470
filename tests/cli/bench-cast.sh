#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `make bench-cast` says of its figures.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

# Three rounds: the median counts, not the mean; of udpcast the better mode, as it starts by itself.
# ROW TOOL SECONDS BYTES CPU_SENDER CPU_RECEIVER PEAK_KB_SENDER PEAK_KB_RECEIVER SENT_BYTES SENT_PACKETS
gib=1073741824
of() { # ROW TOOL SECONDS,SECONDS,SECONDS PEAK_SENDER PEAK_RECEIVER BYTES SENT PACKETS
    local s
    for s in ${3//,/ }; do echo "$1 $2 $s ${6:-$gib} 1.00 2.00 ${4:-50000} ${5:-60000} ${7:-0} ${8:-0}"; done
}
figures() { # PEAK_KB_RECEIVER SECONDS_OF_N4 SENT_AT_5_PERCENT
    of n1 orthrus 2,1,9
    of n1 udpcast_full 12,11,99
    of n1 udpcast_half 10.5,10,99
    of n1 udpcast_tuned 8,8,8
    of n1 uftp 20,20,20
    of n1 uftp_tuned 9,9,9
    echo "sweep -1 n1 uftp 1 1 1 1 1 1 1 1"
    of n4 orthrus "$2" 50000 "$1"
    of n4 udpcast_full 30,30,30
    of n4 udpcast_half 40,40,40
    of n4 uftp 50,50,50
    of n8 orthrus 10,10,10
    of n8 udpcast_full 64,64,64
    of n8 udpcast_half 70,70,70
    of n1_loss orthrus 4,4,4
    of n1_loss udpcast_full 12,12,12
    of n4_loss orthrus 10,10,10
    of n4_loss udpcast_half 45,45,45
    # 236,242,... bytes at 25 MB/s * 1408/1490: 10 s if each symbol went out once.
    of p0 orthrus 10.5,10.5,10.5 50000 60000 236241611 250000000 167785
    of p1 orthrus 11,11,11 50000 60000 236241611 261000000 175168
    of p5 orthrus 11.5,11.5,11.5 50000 60000 236241611 "$3" 183000
}
report() { "$TOP/tests/bench/cast_report.awk" -v mbit=200 "$work/figures" >"$work/out" 2>&1; }
line() { grep "^RESULT $1 " "$work/out"; }

figures 60000 5,5,5 272670000 >"$work/figures"
report || fail "all targets are reached, yet exit $?: $(cat "$work/out")"
want='RESULT cast n1=5.25 n4=6.00 n8=6.40 n1_loss=3.00 n4_loss=4.50 n1_uftp=10.00 n4_uftp=10.00'
[ "$(line cast)" = "$want" ] || fail "not '$want': $(line cast)"
[ "$(line cast_tuned)" = 'RESULT cast_tuned n1=4.00 n4=- n1_loss=- n1_uftp=4.50 n4_uftp=-' ] || fail "tuned: $(line cast_tuned)"
# With k = 128 and four receivers the ideal is 1.0196 at 1 %, 1.0746 at 5 %: computed by another program (sums of binomials in Python).
grep -qF 'loss 0 %: ideal 1.0000 transmissions, 10.00 s at the least; needed 10.50 (10.50-10.50): share 0.952; sent 1.028 of the ideal payload' "$work/out" ||
    fail "link: $(grep 'loss 0 %' "$work/out")"
grep -qF "loss 1 %: ideal 1.0196 transmissions" "$work/out" || fail "the ideal at 1 %: $(grep 'loss 1 %' "$work/out")"
grep -qF "loss 5 %: ideal 1.0746 transmissions" "$work/out" || fail "the ideal at 5 %: $(grep 'loss 5 %' "$work/out")"
[ "$(line cast_link)" = 'RESULT cast_link p0=0.952 p1=0.927 p5=0.934 wire=1.053' ] || fail "link: $(line cast_link)"
grep -qE '^  orthrus +2\.00 1\.00-9\.00 +537 +1\.00 +2\.00 +49 +59$' "$work/out" || fail "the table: $(grep -m 1 '^  orthrus' "$work/out")"

# Each of what can be missed.
missed() { # WHAT, after the figures were changed
    report && fail "'$1' passes"
    grep -qx "MISSED: $1" "$work/out" || fail "not '$1': $(grep MISSED "$work/out")"
}
figures 140000 5,5,5 272670000 >"$work/figures"
missed 'receiver_mib is 137, the target at most 128'
figures 60000 7,5,6.5 272670000 >"$work/figures"
missed 'n4 is 4.62, the target at least 5.0'
grep -qx 'MISSED: n4_uftp is 7.69, the target at least 8.0' "$work/out" || fail "uftp: $(grep MISSED "$work/out")"
figures 60000 5,5,5 290000000 >"$work/figures"
missed 'wire is 1.112, the target at most 1.08'
{ figures 60000 5,5,5 272670000 | grep -v '^p0 '; of p0 orthrus 12,12,12 300000 60000 236241611 250000000 167785; } >"$work/figures"
missed 'p0 is 0.833, the target at least 0.90'
grep -qx 'MISSED: sender_mib is 293, the target at most 256' "$work/out" || fail "memory: $(grep MISSED "$work/out")"
# A run of one row says nothing about the others.
of n1 orthrus 1,1,1 >"$work/figures"
report || fail "a run with one tool: exit $?: $(cat "$work/out")"
[ "$(line cast)" = 'RESULT cast n1=- n4=- n8=- n1_loss=- n4_loss=- n1_uftp=- n4_uftp=-' ] || fail "one tool: $(line cast)"
exit $failed
