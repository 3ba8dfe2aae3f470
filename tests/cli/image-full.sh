#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A store that runs full: the build says so and whose fault it is, gives back what it took, and hurts no other image.
set -u
if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private bash "$0" inside; fi # for a small file system
orthrus=$BUILD/orthrus
work=$(mktemp -d)
export ORTHRUS_ROOT=$work/root
store=$work/root/srv/orthrus/store
trap 'umount "$store" 2>/dev/null; rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
refs() { "$orthrus" image list --json | jq -r '.images[].ref'; }
packs() { (cd "$store/packs" && sha256sum -- *); }

mkdir -p "$store" "$work/tree" "$work/big"
mount -t tmpfs -o size=100m none "$store" || { echo "no tmpfs can be mounted"; exit 77; }
head -c 2000000 /dev/urandom >"$work/tree/small"
for i in $(seq 30); do head -c 6000000 /dev/urandom >"$work/big/f$i"; done
cp "$work/tree/small" "$work/big/small"
"$orthrus" site init --cluster full --interface eth0 --subnet 10.77.0.0/24 --head-address 10.77.0.1 >/dev/null || exit 1

# runs_full WHAT COMMAND...: several packs were whole by then; nothing of them stays, and the error is the store's
runs_full() {
    local what=$1
    shift
    "$@" >"$work/said" 2>&1 && fail "$what: 180 MB were stored in 100"
    grep -q "image big: write .*/store/packs/.*: No space left on device" "$work/said" || fail "$what: says: $(<"$work/said")"
    grep -q "read $work\|'f[0-9]\|f[0-9]*:" "$work/said" && fail "$what: blames the source: $(<"$work/said")"
    grep -q "next: free room on the file system of $store/packs (100 MiB" "$work/said" || fail "$what: no next step: $(<"$work/said")"
}
runs_full 'an empty store' "$orthrus" image build big --from "$work/big"
[ -z "$(ls "$store/packs")" ] || fail "left in an empty store: $(ls "$store/packs")"
"$orthrus" image list >"$work/said" 2>&1 || fail "list"
grep -q 'the store takes .* on disk, 0 B of it reclaimable$' "$work/said" || fail "list of an empty store: $(<"$work/said")"

"$orthrus" image build small --from "$work/tree" --quiet >/dev/null || fail "a small image after that"
before=$(packs)
runs_full 'beside an image' "$orthrus" image build big --from "$work/big"
[ "$(packs)" = "$before" ] || fail "the other image's packs: $before, then $(packs)"
tar -C "$work/big" -cf "$work/big.tar" .
runs_full 'an archive' "$orthrus" image import "$work/big.tar" big
[ "$(packs)" = "$before" ] || fail "the other image's packs after an import"
[ "$(refs | cut -d / -f 1)" = small ] || fail "images: $(refs)"
"$orthrus" image verify "$(refs)" --quiet || fail "the other image was hurt"

# A source that fails when packs are whole already: they go too.
{ tar -C "$work/big" -cf - f1 f2 f3 f4 f5 f6 f7 f8 | head -c 45000000; } >"$work/cut.tar"
"$orthrus" image import "$work/cut.tar" cut >"$work/said" 2>&1 && fail "an archive that is cut off was stored"
grep -q 'free room\|No space' "$work/said" && fail "the store is blamed: $(<"$work/said")"
[ "$(packs)" = "$before" ] || fail "packs of an archive that is cut off are left"

# What a killed build leaves shows, also where there is no image, and is room that the next deletion frees.
"$orthrus" image delete "$(refs)" --yes --offline --quiet || fail "delete"
head -c 54321 /dev/urandom >"$store/packs/$(head -c 32 /dev/urandom | sha256sum | cut -c 1-64).pack"
"$orthrus" image list >"$work/said" 2>&1 || fail "list"
grep -q '53.0 KiB of it reclaimable: the next `orthrus image delete` frees it' "$work/said" || fail "list of leftovers: $(<"$work/said")"
[ $failed = 0 ] && echo ok
exit $failed
