#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What orthrus image build --from takes in, and what not: nothing that is mounted in the tree, not the
# store, nothing that is half restored.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: it mounts"; exit 77; }
if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private bash "$0" inside; fi
# shellcheck source=tests/cli/archive.bash
. "$TOP/tests/cli/archive.bash"
tree=$work/tree
trap 'umount -q "$tree/bound" "$tree/other" "$tree" 2>/dev/null; rm -rf "$work" "$root"' EXIT
export ORTHRUS_ROOT=$work/root # on the trees' file system
store=$ORTHRUS_ROOT/srv/orthrus/store
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
holds() { # NAME PATHS
    local is
    is=$("$orthrus" image ls "$1" / --recursive | paste -sd' ')
    [ "$is" = "$2" ] || fail "$1 holds $is"
}

# --- what is mounted in the tree: of the same file system, and of another; the tree may be mounted itself
mkdir -p "$tree/bound" "$tree/other" "$tree/plain" "$work/outside/dir"
echo in >"$tree/plain/in"
echo out | tee "$work/outside/out" "$work/outside/dir/out" >/dev/null
mount --bind "$tree" "$tree" && mount --bind "$work/outside" "$tree/bound" && mount -t tmpfs none "$tree/other" || { echo "can't mount"; exit 77; }
echo out >"$tree/other/out"
expect 0 out 'is in the store' -- image build mounted --from "$tree"
umount "$tree/bound" "$tree/other" "$tree"
holds mounted "/ /bound /other /plain /plain/in"

# --- the store, by whatever path, also before it is made; a mounted tree that is another file system than the store's
refused() { # TREE
    expect 3 err 'is, holds or lies in the image store' -- image build self --from "$1"
    expect 3 err 'is, holds or lies in the image store' -- image build self --from "$1" --plan
}
refused "$work"
refused "$store"
refused "$store/images"
mv "$store" "$work/away" && refused "$work" && [ ! -e "$store" ] || fail "a refused build made a store"
mv "$work/away" "$store"
ln -s "$work" "$work/link" && refused "$work/link"
mkdir "$work/bind" && mount --bind "$ORTHRUS_ROOT" "$work/bind" && refused "$work/bind" && refused "$work/bind/srv"
umount "$work/bind"
for part in packs images sequence; do
    mv "$store/$part" "$tree/plain/$part" && ln -s "$tree/plain/$part" "$store/$part" && refused "$tree"
    expect 0 out 'is in the store' -- image build beside --from "$work/outside"
    rm "$store/$part" && mv "$tree/plain/$part" "$store/$part"
done
# Mounted in the tree, it is no part of it.
mkdir "$work/disk" && mount -t tmpfs none "$work/disk" && mv "$store/packs" "$work/disk/packs" && ln -s "$work/disk/packs" "$store/packs"
mount --move "$work/disk" "$tree/other" && ln -sfn "$tree/other/packs" "$store/packs"
expect 0 out 'is in the store' -- image build around --from "$tree"
rm "$store/packs" && mv "$tree/other/packs" "$store/packs" && umount "$tree/other"
holds around "/ /bound /other /plain /plain/in"

# --- half a restore
for what in journal mark; do
    rm -rf "$work/half" && mkdir "$work/half" && echo part >"$work/half/part"
    case $what in
    journal) : >"$work/half/.orthrus-restore" ;;
    mark) setfattr -n user.orthrus.restore -v "0x$(printf '%064d' 1)" "$work/half" ;;
    esac
    expect 3 err 'a restore into it did not come to its end' -- image build half --from "$work/half" --plan
    grep -q 'next: complete it by the same `orthrus image export` again, or, .* remove .orthrus-restore' "$work/err" || fail "$what: $(cat "$work/err")"
    rm -f "$work/half/.orthrus-restore" && setfattr -x user.orthrus.restore "$work/half" 2>/dev/null
    expect 0 out 'is in the store' -- image build half --from "$work/half"
done
exit $failed
