#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus image export --update where it is hard: trees deeper than there are descriptors, and access control lists on xfs.
set -u
orthrus=$BUILD/orthrus
for t in setfacl getfacl getfattr mkfs.xfs; do command -v $t >/dev/null || { echo "needs the program $t"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "only root may mount"; exit 77; }
work=$(mktemp -d)
trap 'umount "$work/xfs" 2>/dev/null; rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
# run WORDS...: what is said shows when it fails.
run() { "$orthrus" "$@" >"$work/out" 2>&1 || { fail "orthrus $*: $(cat "$work/out")"; return 1; }; }
# build NAME DIR
build() { run image build "$1" --from "$2"; }

"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }

# As many directories in one another as a path can name, with few descriptors.
deep=$work/deep flat=$work/flat at=$work/at
mkdir "$deep" "$flat" "$at"
levels() { local p; p=$(printf 'd/%.0s' {1..1023}); (cd "$1" && mkdir -p "$p" && cd "$p" && mkdir -p "$p" && cd "$p" && echo "$2" >"../f"); }
levels "$deep" one
echo flat >"$flat/f"
build deep "$deep" && build flat "$flat" && run image export deep "$at" || exit 1
(
    ulimit -n 64
    run image export deep "$at" --update --plan
    run image export deep "$at" --update --yes
    run image export flat "$at" --update --plan
    grep -q '/d/' "$work/out" || fail "the plan does not say that /d/ goes: $(cat "$work/out")"
    run image export flat "$at" --update --yes
    [ "$(ls -A "$at")" = f ] || fail "left: $(ls -A "$at")"
    # What was there is no image's and may be longer than any path.
    levels "$at" x
    mkdir "$at/more" && mv "$at/d" "$at/more/d" && mkdir -p "$at/$(printf 'e/%.0s' {1..1000})" &&
        mv "$at/more" "$at/$(printf 'e/%.0s' {1..1000})" || fail "no such deep tree"
    run image export flat "$at" --update --yes
    [ "$(ls -A "$at")" = f ] || fail "left: $(ls -A "$at")"
    exit $failed
) || failed=1

# xfs shows each list under a second name, too; no update may take that for something else. Images of it are as any other's.
truncate -s 400M "$work/disk" && mkfs.xfs -q "$work/disk" && mkdir "$work/xfs" || exit 1
mount -o loop "$work/disk" "$work/xfs" || { echo "this kernel does not mount xfs"; exit 77; }
lists() { (cd "$1" && for p in . f d d/g; do getfacl -n $p && getfattr -hd -m - $p | grep -v '^trusted.SGI_ACL_'; done); }
for tree in "$work/tree" "$work/xfs/tree"; do
    at=$(mktemp -d "$work/xfs/at.XXXXXX")
    mkdir -p "$tree/d"
    echo a >"$tree/f"
    echo b >"$tree/d/g"
    setfacl -m u:12:rw,g:13:r "$tree/f" && setfacl -m u:12:rwx -d -m u:14:rx "$tree/d" || exit 1
    build acl "$tree" && run image export acl "$at" --update --yes
    lists "$tree" >"$work/want"
    for i in 1 2 3; do
        lists "$at" | diff "$work/want" - || fail "$tree: other lists after update $i"
        [ "$i" != 2 ] || { setfacl -b "$at/f" && setfacl -m u:99:r "$at/d/g"; }
        run image export acl "$at" --update --yes
    done
    lists "$at" | diff "$work/want" - || fail "$tree: other lists after the last update"
    mkdir "$work/plain"
    run image export acl "$work/plain"
    ! (cd "$work/plain" && getfattr -Rhd -m - .) | grep SGI_ACL || fail "$tree: the image has xfs's own names"
    rm -r "$work/plain"
done
exit $failed
