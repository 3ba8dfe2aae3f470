#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What orthrus image build --from takes in, and what not: nothing that is mounted in the tree.
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
exit $failed
