#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus image export: into a directory and each kind of archive the very tree that went in, as other programs read it; what a format
# can't hold is said; nothing that is there is touched, nothing damaged passes.
set -u
for t in rsync setfattr setfacl setcap bsdtar cpio tar2sqfs unsquashfs zstd; do command -v $t >/dev/null || { echo "needs $t"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root: files get owners"; exit 77; }
# shellcheck source=tests/cli/archive.bash
. "$TOP/tests/cli/archive.bash"

make_tree "$work/tree"
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
expect 1 err 'there is no image store' -- image export compute "$work/x"
expect 0 out 'is in the store' -- image build compute --from "$work/tree"
ref=$("$orthrus" image list --json | jq -r '.images[0].ref')

# The plan says what, and does nothing.
expect 0 out "restore image $ref (" -- image export compute "$work/new" --plan
[ "$("$orthrus" image export compute "$work/new" --plan --json | jq -r '.steps[0].effect')" = writes ] || fail "--plan --json"
[ ! -e "$work/new" ] || fail "--plan made $work/new"
expect 2 err "is none that an image can be exported in" -- image export compute "$work/new" --format rar
expect 2 err "an image can't be exported as .xz" -- image export compute "$work/new.tar.xz"
grep -q 'next: there are .tar, .* --format dir' "$work/err" && [ ! -e "$work/new.tar.xz" ] || fail "a suffix of no format: $(cat "$work/err")"
expect 2 err "orthrus image export NAME[/ID] TARGET" -- image export compute
expect 1 err "there is no image 'nosuch'" -- image export nosuch "$work/new"
expect 2 err "image '../x'" -- image export ../x "$work/new"

# Nothing that is there is touched.
mkdir "$work/full" && echo mine >"$work/full/mine"
expect 3 err "is not empty: it holds 'mine'" -- image export compute "$work/full"
expect 3 err "is not empty" -- image export compute "$work/full" --plan
[ "$(cat "$work/full/mine")" = mine ] && [ "$(ls -A "$work/full")" = mine ] || fail "a directory in use was changed"
echo file >"$work/file"
expect 3 err "is no directory" -- image export compute "$work/file" --format dir
[ "$(cat "$work/file")" = file ] || fail "a file was changed"

expect 0 out "image $ref is in $work/a/b: " -- image export compute "$work/a/b"
same_tree "$work/tree" "$work/a/b"
mkdir -p "$work/fs/lost+found"
chmod 700 "$work/fs/lost+found"
expect 0 out "image $ref is in $work/fs" -- image export "$ref" "$work/fs"
rmdir "$work/fs/lost+found" || fail "lost+found is gone"
touch -r "$work/tree" "$work/fs"
same_tree "$work/tree" "$work/fs"
"$orthrus" image export compute "$work/j" --json >"$work/json" 2>"$work/err" || fail "--json: $(cat "$work/err")"
[ "$(jq -r '"\(.image) \(.target) \(.format)"' "$work/json")" = "$ref $work/j dir" ] || fail "--json: $(cat "$work/json")"
jq -e '.bytes == .content_bytes and .bytes > 0 and .seconds > 0 and .bytes_per_second > 0' "$work/json" >/dev/null || fail "--json: $(cat "$work/json")"
grep -q '"progress"' "$work/err" || fail "no progress with --json"

# What was there of an export that was cut off nobody counted: no speed is made up.
mkdir "$work/cut" && install -m 600 /dev/null "$work/cut/.orthrus-restore.abcdef"
"$orthrus" image export compute "$work/cut" --json >"$work/json" 2>"$work/err" || fail "--json: $(cat "$work/err")"
jq -e '.bytes == null and .bytes_per_second == null and .seconds > 0 and .content_bytes > 0' "$work/json" >/dev/null || fail "--json: $(cat "$work/json")"
same_tree "$work/tree" "$work/cut"

# tar, by its suffix: GNU tar and bsdtar read the very tree.
expect 0 out "image $ref is in $work/x.tar" -- image export compute "$work/x.tar"
grep -q "warning" "$work/err" && fail "pax loses something: $(cat "$work/err")"
[ "$(stat -c %a "$work/x.tar")" = 600 ] || fail "an image holds secrets: mode $(stat -c %a "$work/x.tar")"
mkdir "$work/gnu" "$work/bsd" "$work/cpio"
tar --xattrs --xattrs-include='*' --acls --numeric-owner --warning=no-timestamp --warning=no-unknown-keyword -xpSf "$work/x.tar" -C "$work/gnu" ||
    fail "GNU tar"
same_tree "$work/tree" "$work/gnu"
bsdtar --numeric-owner -xpf "$work/x.tar" -C "$work/bsd" || fail "bsdtar"
# bsdtar leaves a directory's time that was there, and reads fractions of a second before 1970 the wrong way round.
touch -r "$work/tree" "$work/bsd"
touch -r "$work/tree/usr-/after-usr" "$work/bsd/usr-/after-usr"
touch -r "$work/tree/usr-" "$work/bsd/usr-"
same_tree "$work/tree" "$work/bsd"
expect 0 out "is in $work/x.tar.gz" -- image export compute "$work/x.tar.gz"
expect 0 out "is in $work/x.tar.zst" -- image export compute "$work/x.tar.zst"
expect 0 out "is in $work/x.anything" -- image export compute "$work/x.anything" --format pax
for f in 'gzip -dc x.tar.gz' 'zstd -qdc x.tar.zst' 'cat x.anything'; do (cd "$work" && $f) | cmp - "$work/x.tar" || fail "$f is another archive"; done
"$orthrus" image export compute - 2>"$work/err" | cmp - "$work/x.tar" || fail "standard output: $(cat "$work/err")"
"$orthrus" image export compute - --format pax 2>/dev/null | tar -tf - >/dev/null 2>&1 || fail "standard output"
"$orthrus" image export compute - >/dev/full 2>"$work/err" && fail "a full standard output passes"
grep -qF 'No space left' "$work/err" || fail "a full standard output: $(cat "$work/err")"
expect 2 out 'name a file' -- image export compute - --json
expect 2 err "can't be written to standard output" -- image export compute - --format oci
# The same image gives the same archive.
expect 0 out "is in $work/y.tar.gz" -- image export compute "$work/y.tar.gz"
cmp "$work/x.tar.gz" "$work/y.tar.gz" || fail "two exports differ"

# What is there stays, unless --force; what fails leaves nothing.
expect 3 err "$work/x.tar is there already" -- image export compute "$work/x.tar"
expect 3 err "is there and is no file" -- image export compute "$work/full" --format pax
expect 3 err "is there and is no file" -- image export compute "$work/full" --format pax --force
echo old >"$work/old.tar"
expect 0 out 'in place of the file that is there' -- image export compute "$work/old.tar" --force --plan
[ "$(cat "$work/old.tar")" = old ] || fail "--plan --force wrote"
expect 0 out "is in $work/old.tar" -- image export compute "$work/old.tar" --force
cmp "$work/old.tar" "$work/x.tar" || fail "--force"
expect 2 err '--force replaces a file' -- image export compute "$work/new" --force
expect 2 err 'is not compressed as a whole' -- image export compute "$work/z.tar.gz" --format oci
expect 1 err 'No such file' -- image export compute "$work/none/x.tar"

# cpio has no attributes, fractions, holes: each kind is said with its first file.
expect 0 out "is in $work/x.cpio" -- image export compute "$work/x.cpio"
for w in "4 entries with extended attributes; the first is of '/empty'" "2 entries with access control lists; the first is of '/usr/bin/nothing'" \
    "23 times with fractions of a second; the first is of '/'" "1 times outside its range; the first is of '/usr-/after-usr'" \
    "2 files with holes (written as zeros); the first is of '/hole'"; do
    grep -qF "cpio can't hold $w" "$work/err" || fail "not said: $w: $(cat "$work/err")"
done
(cd "$work/cpio" && cpio -idm --quiet --no-absolute-filenames <"$work/x.cpio") || fail "cpio"
# Times of links and directories it does not set.
same_tree "$work/tree" "$work/cpio" --no-acls --no-xattrs --no-sparse --modify-window=1 --omit-link-times --omit-dir-times \
    --exclude=/usr-/after-usr --exclude=/root-too
cmp "$work/tree/usr-/after-usr" "$work/cpio/usr-/after-usr" || fail "cpio: after-usr"

# squashfs has no access control lists.
expect 0 out "is in $work/x.squashfs" -- image export compute "$work/x.squashfs"
grep -qF "squashfs can't hold 2 entries with access control lists" "$work/err" || fail "squashfs: $(cat "$work/err")"
unsquashfs -d "$work/squash" "$work/x.squashfs" >/dev/null || fail "unsquashfs"
same_tree "$work/tree" "$work/squash" --no-acls --modify-window=1 --exclude=/usr-/after-usr
[ "$(readlink "$work/squash/usr/bin/dangling")" = "$(readlink "$work/tree/usr/bin/dangling")" ] || fail "a long link"
cmp "$work/tree/usr-/after-usr" "$work/squash/usr-/after-usr" || fail "squashfs: after-usr"

# OCI: every blob has the digest that names it, config and layer are what the manifest says.
expect 0 out "is in $work/oci" -- image export compute "$work/oci" --format oci
expect 3 err 'is there and is no file' -- image export compute "$work/oci" --format oci --force
[ "$(jq -r .imageLayoutVersion "$work/oci/oci-layout")" = 1.0.0 ] || fail "oci-layout"
check_oci() { # DIR
    local dir=$1 blob manifest layer config
    for blob in "$dir"/blobs/sha256/*; do
        [ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "${blob##*/}" ] || fail "$blob is not what its name says"
    done
    blob() { local d; d=$(jq -r "$2.digest" "$1"); [ "$(stat -c %s "$dir/blobs/sha256/${d#sha256:}")" = "$(jq -r "$2.size" "$1")" ] && echo "$dir/blobs/sha256/${d#sha256:}"; }
    manifest=$(blob "$dir/index.json" '.manifests[0]') || fail "the manifest's descriptor"
    [ "$(jq -r '.manifests[0].platform | .os + "/" + .architecture' "$dir/index.json")" = linux/amd64 ] || fail "platform"
    config=$(blob "$manifest" .config) || fail "the config's descriptor"
    layer=$(blob "$manifest" '.layers[0]') || fail "the layer's descriptor"
    [ "$(jq -r '.rootfs.diff_ids[0]' "$config")" = "sha256:$(zstd -qdc <"$layer" | sha256sum | cut -d' ' -f1)" ] || fail "diff_ids"
    [ "$(find "$dir" -type f | wc -l)" = 5 ] || fail "not five files: $(find "$dir")"
    rm -rf "$work/layer" && mkdir "$work/layer"
    zstd -qdc <"$layer" | tar --xattrs --xattrs-include='*' --acls --numeric-owner --warning=no-timestamp --warning=no-unknown-keyword -xpS -C "$work/layer" ||
        fail "the layer"
    same_tree "$work/tree" "$work/layer"
}
check_oci "$work/oci"
expect 0 out "is in $work/o.tar" -- image export compute "$work/o.tar" --format oci
mkdir "$work/otar" && tar -xf "$work/o.tar" -C "$work/otar" || fail "the layout's tar"
check_oci "$work/otar"

# Sockets, inode flags, whiteouts.
mkdir "$work/odd"
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => shift, Listen => 1) or die' "$work/odd/sock" || fail "a socket"
echo f >"$work/odd/flagged"
chattr +d "$work/odd/flagged" 2>/dev/null || setfattr -n user.a=b -v c "$work/odd/flagged"
expect 0 out 'is in the store' -- image build odd --from "$work/odd"
"$orthrus" image export odd "$work/odd.tar" --json >"$work/json" 2>"$work/err" || fail "odd.tar: $(cat "$work/err")"
[ "$(jq -r '.lost[0] | "\(.what) \(.count) \(.first)"' "$work/json")" = "sockets 1 sock" ] || fail "lost: $(cat "$work/json")"
grep -qF "pax can't hold 1 sockets; the first is of '/sock'" "$work/err" || fail "a socket: $(cat "$work/err")"
expect 0 out 'is in' -- image export odd "$work/odd.cpio"
cpio -t --quiet <"$work/odd.cpio" | grep -qx sock || fail "no socket in the cpio"
touch "$work/odd/.wh.flagged"
expect 0 out 'is in the store' -- image build odd --from "$work/odd"
expect 3 err "'/.wh.flagged' has a name that deletes" -- image export odd "$work/odd.oci" --format oci
expect 0 out 'is in' -- image export odd "$work/odd2.tar"
truncate -s 5G "$work/odd/large"
expect 0 out 'is in the store' -- image build odd --from "$work/odd"
expect 3 err "'/large' is larger than" -- image export odd "$work/odd3.cpio"
expect 0 out 'is in' -- image export odd "$work/odd3.tar"
tar -tvf "$work/odd3.tar" 2>/dev/null | grep -q ' 5368709120 ' || fail "5 GiB"
[ "$(stat -c %s "$work/odd3.tar")" -lt 100000 ] || fail "a hole was written out"
left=$(find "$work" -maxdepth 1 -name '*.??????' ! -name '*.tar.*' ! -name 'x.anything' ! -name 'x.squashfs')
[ -z "$left" ] || fail "left behind: $left"

# One byte of a pack, then of the manifest: the export fails and says so.
pack=$(find "$ORTHRUS_ROOT/srv/orthrus/store/packs" -name '*.pack' -size +1M)
flip "$pack" $(($(stat -c %s "$pack") / 2))
expect 1 err "next: run \`orthrus image verify $ref\`" -- image export compute "$work/damaged"
for f in tar cpio squashfs oci; do
    expect 1 err ': pack ' -- image export compute "$work/damaged.$f" --format "${f/tar/pax}"
done
left=$(find "$work" -maxdepth 1 -name 'damaged.*')
[ -z "$left" ] || fail "a damaged image left $left"
flip "$pack" $(($(stat -c %s "$pack") / 2))
flip "$ORTHRUS_ROOT/srv/orthrus/store/images/$ref/manifest.json" 20
expect 1 err 'manifest.json' -- image export compute "$work/unsigned"
[ ! -e "$work/unsigned" ] || fail "an image whose signature is wrong made a directory"
exit $failed
