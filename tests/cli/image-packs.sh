#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A restore believes packs that are what their names say, as a whole; of one that is not, each chunk for itself: what is not hurt can be
# restored, what is hurt is named. Runs of every length and place come out right, past the page cache and through it, also when the
# kernel writes less than it is asked to; and what a restore notes as durable was made so before.
set -u
# shellcheck source=tests/full/store.bash
. "$TOP/tests/full/store.bash"
work=$(mktemp -d)
memory=$(mktemp -d /dev/shm/orthrus-packs.XXXXXX)
trap 'rm -rf "$work" "$memory"' EXIT
export ORTHRUS_ROOT=$work/root
packs=$work/root/srv/orthrus/store/packs
failed=0
# LeakSanitizer cannot work below a tracer.
below_tracer() { ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" "$faultat" "$@"; }
fail() { echo "FAIL: $*" >&2; failed=1; }
flip() { # FILE OFFSET
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "\\x$(printf %x $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
"$orthrus" site init --cluster packs --interface eth0 --subnet 10.77.0.0/24 --head-address 10.77.0.1 >/dev/null || fail "site init"

# Of two images in one pack, the half that only the first one needs is hurt.
mkdir -p "$work/both" "$work/second"
noise 3000000 1 >"$work/both/a"
noise 3000000 2 >"$work/both/b"
cp -p "$work/both/b" "$work/second/b"
for name in both second; do "$orthrus" image build $name --from "$work/$name" --quiet >/dev/null || fail "build $name"; done
pack=$(find "$packs" -name '*.pack' -size +5M) # where a ends and b begins the second image has a chunk of its own
[ -f "$pack" ] || fail "not one pack: $pack"
flip "$pack" 100000
"$orthrus" image export second "$work/out-second" --quiet >/dev/null || fail "what is not hurt is not restored"
cmp "$work/both/b" "$work/out-second/b" || fail "b is another"
"$orthrus" image export both "$work/out-both" >/dev/null 2>"$work/err"
[ $? = 1 ] || fail "what is hurt was restored"
name=${pack##*/}
grep -qF "pack ${name%.pack}: chunk 0" "$work/err" || fail "not named: $(cat "$work/err")"
flip "$pack" 100000
"$orthrus" image export both "$work/out-both" --quiet >/dev/null || fail "mended, it is not completed"
cmp "$work/both/a" "$work/out-both/a" || fail "a is another"

# A disk that takes no writes past the page cache: the first one is refused, the others go through it.
mkdir "$work/third"
noise 5000000 3 >"$work/third/c"
below_tracer --fail 1 EINVAL --only pwrite64 --below "$work/root/srv" --out "$work/count" -- \
    "$orthrus" image build third --from "$work/third" --quiet >/dev/null || fail "build through the page cache"
grep -q 'hit=1$' "$work/count" || fail "nothing was refused: $(cat "$work/count")"
"$orthrus" image verify third --quiet >/dev/null || fail "built through the page cache, it is not whole"

# One that takes half of the first write.
mkdir "$work/fourth"
noise 5000000 4 >"$work/fourth/d"
below_tracer --short 1 --only pwrite64 --below "$work/root/srv" --out "$work/count" -- \
    "$orthrus" image build fourth --from "$work/fourth" --quiet >/dev/null || fail "build with a short write"
grep -q 'hit=1$' "$work/count" || fail "no write of the build was short: $(cat "$work/count")"
"$orthrus" image verify fourth --quiet >/dev/null || fail "built with a short write, it is not whole"
for k in 1 2 3 4; do
    rm -rf "$work/out"
    below_tracer --short $k --only pwrite64 --below "$work/out" --out "$work/count" -- \
        "$orthrus" image export fourth "$work/out" --quiet >/dev/null || fail "export with a short write"
    grep -q 'hit=1$' "$work/count" || fail "no write of the export was short: $(cat "$work/count")"
    cmp "$work/fourth/d" "$work/out/d" || fail "d is another after the short write $k"
done
rm -rf "$work/out"

# Lengths around a page, around the shortest run that goes past the page cache, and around chunks; half of a file is written again.
mkdir "$work/runs"
n=0
for len in 1 4095 4096 4097 65535 65536 65537 69631 69632 131071 131073 262145 1048576 1048577 5000001 12345678; do
    n=$((n + 1))
    noise $len $n >"$work/runs/$(printf %02d $n)-$len"
done
noise 9000000 50 >"$work/runs/holes"
fallocate --punch-hole --offset 100000 --length 3000000 "$work/runs/holes"
"$orthrus" image build runs --from "$work/runs" --quiet >/dev/null || fail "build runs"
for to in "$work" "$memory"; do # a disk, and memory
    "$orthrus" image export runs "$to/out" --quiet >/dev/null || fail "$to: export"
    rsync -aHAXSn --checksum --delete --itemize-changes "$work/runs/" "$to/out/" >"$work/differences"
    [ ! -s "$work/differences" ] || fail "$to: $(cat "$work/differences")"
    noise 3000000 99 | dd of="$to/out/16-12345678" bs=1000 seek=4001 conv=notrunc status=none
    noise 10 98 | dd of="$to/out/14-1048577" bs=1 seek=70001 conv=notrunc status=none
    "$orthrus" image export runs "$to/out" --update --yes --quiet >/dev/null || fail "$to: update"
    rsync -aHAXSn --checksum --delete --itemize-changes "$work/runs/" "$to/out/" >"$work/differences"
    [ ! -s "$work/differences" ] || fail "$to, updated: $(cat "$work/differences")"
    [ "$(stat -c %b "$to/out/holes")" -lt 13000 ] || fail "$to: the hole is filled"
    # With a note after every chunk: a power cut finds only notes of what is on the disk. Then an update, with much to be removed.
    trace_restore "$work/root" runs "$to/noted" 2 >"$work/order" || fail "$to: $(cat "$work/order")"
    rm "$to/noted/16-12345678" && mkdir -p "$to/noted/more" "$to/noted/16-12345678/more" && : >"$to/noted/more/file"
    noise 5000001 97 >"$to/noted/15-5000001"
    trace_restore "$work/root" runs "$to/noted" 2 update >"$work/order" || fail "$to, updated: $(cat "$work/order")"
    rsync -aHAXSn --checksum --delete --itemize-changes "$work/runs/" "$to/noted/" >"$work/differences"
    [ ! -s "$work/differences" ] || fail "$to, noted: $(cat "$work/differences")"
done
[ $failed = 0 ] && echo ok
exit $failed
