# SPDX-License-Identifier: GPL-2.0-or-later
# What tests of images and of the command line share: one command and what it says, and bytes to make files of. $orthrus and $work are the
# test's. Sourced, not run.
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

# expect CODE STREAM TEXT -- WORDS...: exit code, and TEXT (a fixed string) somewhere in "out" or "err".
expect() { expect_fed "$@" </dev/null; }
expect_fed() { # the same, with what is on standard input
    local code=$1 stream=$2 text=$3 rc
    shift 4
    "$orthrus" "$@" >"$work/out" 2>"$work/err"
    rc=$?
    [ $rc = "$code" ] || fail "orthrus $*: exit $rc, not $code: $(cat "$work/out" "$work/err")"
    grep -qF -- "$text" "$work/$stream" || fail "orthrus $*: '$text' is not on std$stream: $(cat "$work/$stream")"
}
# flip FILE OFFSET: turn one bit round.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "\\x$(printf %x $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# noise BYTES SEED: the same bytes in every run, which no compressor makes smaller; where the chunks of a file are cut depends on them.
noise() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf '%032d' "$2")" -iv 00000000000000000000000000000000; }
