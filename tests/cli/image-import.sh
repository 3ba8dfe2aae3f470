#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus image import: what export wrote comes back as the very same tree; so does what other programs wrote.
set -u
for t in jq bsdtar cpio mksquashfs tar2sqfs setfattr setfacl setcap xz zstd; do command -v $t >/dev/null || { echo "needs $t"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root: files get owners"; exit 77; }
# shellcheck source=tests/cli/archive.bash
. "$TOP/tests/cli/archive.bash"

make_tree "$work/tree"
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
expect 0 out 'is in the store' -- image build compute --from "$work/tree"
sum() { "$orthrus" image show "$1" --json | jq -r '.manifest.sha256 | .tree + .root'; }
want=$(sum compute)

# The plan says what, and does nothing.
"$orthrus" image export compute "$work/x.tar" >/dev/null 2>&1 || fail "export"
expect 0 out "read the archive $work/x.tar, at most 64 GiB of files" -- image import "$work/x.tar" back --plan
expect 0 out "store it as image back, kind nightly" -- image import "$work/x.tar" back --kind nightly --plan
expect 1 err "there is no image 'back'" -- image show back
expect 2 err "image name" -- image import "$work/x.tar" ../back
expect 2 err "--kind" -- image import "$work/x.tar" back --kind a/b

# There and back: tree and content have the same digests.
for f in x.tar.gz x.tar.zst; do "$orthrus" image export compute "$work/$f" >/dev/null 2>&1 || fail "export $f"; done
"$orthrus" image export compute "$work/oci" --format oci >/dev/null 2>&1 || fail "export oci"
"$orthrus" image export compute "$work/oci.tar" --format oci >/dev/null 2>&1 || fail "export oci.tar"
xz -0 -k "$work/x.tar"
for f in x.tar x.tar.gz x.tar.zst x.tar.xz oci oci.tar; do
    expect 0 out "image back/" -- image import "$work/$f" back --allow-devices
    grep -q 'of them shared, 0 B stored' "$work/out" || fail "$f: how much was stored is not said: $(cat "$work/out")"
    grep -q warning "$work/err" && fail "$f: $(cat "$work/err")"
    [ "$(sum back)" = "$want" ] || fail "$f came back as another tree"
done
cat "$work/x.tar.zst" | "$orthrus" image import - back --allow-devices --suite bookworm --kind nightly --json >"$work/json" 2>"$work/err" || fail "stdin: $(cat "$work/err")"
[ "$(sum back)" = "$want" ] || fail "standard input came back as another tree"
[[ $(jq -r .image "$work/json") = back/*-nightly ]] || fail "--json: $(cat "$work/json")"
jq -e '.stages | .raw_bytes > 0 and .shared_bytes == .raw_bytes and .stored_bytes == 0 and .workers >= 1 and .seconds > 0' "$work/json" >/dev/null ||
    fail "--json: $(cat "$work/json")"
"$orthrus" image show back --json >"$work/json"
[ "$(jq -r '.manifest | "\(.suite) \(.kind) \(.snapshot) \(.crash_consistent)"' "$work/json")" = "bookworm nightly archive false" ] ||
    fail "manifest: $(jq -c .manifest "$work/json")"
expect 0 out 'is intact' -- image verify back

# By other programs' archives of the same tree. Each comes back through a directory.
other() { # FILE [RSYNC-OPTION...]
    local f=$1
    shift
    expect 0 out 'image other/' -- image import "$work/$f" other --allow-devices
    rm -rf "$work/out-dir"
    expect 0 out "is in $work/out-dir" -- image export other "$work/out-dir"
    same_tree "$work/tree" "$work/out-dir" "$@"
}
tar --format=pax --xattrs --xattrs-include='*' --acls --numeric-owner --sparse --sort=name -cf "$work/gnu.tar" -C "$work/tree" . || fail "GNU tar"
other gnu.tar
grep -q warning "$work/err" && fail "gnu.tar: $(cat "$work/err")"
tar --format=gnu --sparse --numeric-owner -cf "$work/old.tar" -C "$work/tree" . || fail "GNU tar, old format"
other old.tar --no-acls --no-xattrs --modify-window=1
bsdtar --numeric-owner -cf "$work/bsd.tar" -C "$work/tree" . || fail "bsdtar"
other bsd.tar --exclude=/usr-/after-usr # its text of a fraction before 1970 is not POSIX's
(cd "$work/tree" && find . -depth -print0 | cpio -0 -o -H newc --quiet) >"$work/depth.cpio" || fail "cpio"
other depth.cpio --no-acls --no-xattrs --no-sparse --modify-window=1 --exclude=/usr-/after-usr
mksquashfs "$work/tree" "$work/x.sqfs" -quiet -no-progress >/dev/null 2>&1 || fail "mksquashfs"
other x.sqfs --no-acls --no-sparse --modify-window=1 --exclude=/usr-/after-usr
"$orthrus" image export compute "$work/y.squashfs" >/dev/null 2>&1 || fail "export squashfs"
other y.squashfs --no-acls --no-sparse --modify-window=1 --exclude=/usr-/after-usr

# Killed in the middle it leaves nothing.
mkfifo "$work/pipe"
"$orthrus" image import - killed <"$work/pipe" >/dev/null 2>&1 & pid=$!
exec 7>"$work/pipe"
head -c 1000000 "$work/x.tar.zst" >&7
for _ in $(seq 200); do [ -n "$(ls -l "/proc/$pid/fd" 2>/dev/null | grep -F "$root/srv/orthrus/tmp")" ] && break; sleep 0.05; done
kill -9 $pid; wait $pid 2>/dev/null
exec 7>&-
[ -z "$(ls -A "$root/srv/orthrus/tmp")" ] || fail "killed, it left $(ls -A "$root/srv/orthrus/tmp")"
expect 1 err "there is no image 'killed'" -- image show killed
exit $failed
