#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus image import of archives made to do harm: refused by name, nothing written outside, no image stored.
set -u
for t in jq zstd xz; do command -v $t >/dev/null || { echo "needs $t"; exit 77; }; done
# shellcheck source=tests/cli/archive.bash
. "$TOP/tests/cli/archive.bash"

"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
mkdir "$work/h" "$work/cwd"
perl "$TOP/tests/cli/hostile.pl" "$work/h" || { fail "hostile.pl"; exit 1; }
mkdir "$work/ok" && mv "$work"/h/ok-* "$work/ok/"
cd "$work/cwd" || exit 1

# refused FILE CODE TEXT [OPTION...]
refused() {
    local file=$1 code=$2 text=$3
    shift 3
    expect_fed "$code" err "$text" -- image import "$file" evil "$@"
}
n=0
while read -r file code text; do
    refused "$work/h/$file" "$code" "$text"
    mv "$work/h/$file" "$work/h/.$file" || fail "$file is named twice"
    n=$((n + 1))
done <<'LIST'
dotdot.tar 3 '../x' climbs with '..'
dotdot-inside.tar 3 'a/b/../../../x' climbs with '..'
dotdot-end.tar 3 'a/..' climbs with '..'
dotdot-pax.tar 3 '../../../../tmp/orthrus-evil' climbs with '..'
dotdot.cpio 3 '../x' climbs with '..'
absolute.tar 3 '/etc/evil' is an absolute path
absolute-pax.tar 3 '/etc/evil' is an absolute path
absolute.cpio 3 '/etc/evil' is an absolute path
symlink-parent.tar 3 'a/evil' lies below 'a', which is a symbolic link
symlink-parent-deep.tar 3 'a/b/c/evil' lies below 'a', which is a symbolic link
symlink-parent.cpio 3 'a/evil' lies below 'a', which is a symbolic link
file-parent.tar 3 'harmless/evil' lies below 'harmless', which is no directory
fifo-parent.tar 3 'p/evil' lies below 'p', which is no directory
dir-to-symlink.tar 3 'd' is there twice, as two kinds of file
made-dir-to-symlink.tar 3 'd' is there twice, as two kinds of file
file-to-symlink.tar 3 'f' is there twice, as two kinds of file
symlink-to-file.tar 3 'f' is there twice, as two kinds of file
file-to-dir.tar 3 'f' is there twice, as two kinds of file
root-to-file.tar 3 '.' is there twice, as two kinds of file
hardlink-dotdot.tar 3 'h' is a hard link to something outside: '../../etc/passwd' climbs
hardlink-absolute.tar 3 'h' is a hard link to something outside: '/etc/passwd' is an absolute path
hardlink-pax.tar 3 'h' is a hard link to something outside: '../../../etc/passwd' climbs
hardlink-missing.tar 3 'h' is a hard link to 'nosuch', which does not come before it
hardlink-later.tar 3 'h' is a hard link to 'harmless', which does not come before it
hardlink-symlink-parent.tar 3 'h' is a hard link to 's/passwd', which does not come before it
hardlink-dir.tar 3 'h' is a hard link to a directory
hardlink-over-dir.tar 3 'd' is there twice, as two kinds of file
hardlink-data.tar 3 'h' is a hard link with data to what is no file
hardlink-symlink-data.cpio 3 'h' is a hard link with data to what is no file
chardev.tar 3 'dev' is a device
blockdev.tar 3 'dev' is a device
chardev.cpio 3 'dev' is a device
kind.cpio 3 'odd' is of a kind that no file is
name-256.tar 3 has a name longer than 255 bytes
path-4096.tar 3 is longer than a path can be
target-long.tar 3 's' is a symbolic link to a path that cannot be
target-empty.tar 3 's' is a symbolic link to a path that cannot be
size-negative.tar 3 Tar entry has negative size
size-huge.tar 3 Tar entry size overflow
size-more.tar 3 Tar entry size overflow
size-pax-negative.tar 3 Tar size attribute is negative
size-pax-more.tar 3 Tar size attribute overflow
size-declared.tar 3 with 'f' the files are larger than 64 GiB together
size-more.cpio 3 it ends in the middle of an entry
pax-huge.tar 3 Special header too large
pax-length.tar 3 it is damaged, or made to do harm
longname-huge.tar 3 Special header too large
sparse-huge.tar 3 with 'f' the files are larger than 64 GiB together
sparse-outside.tar 3 'f' has data outside its size or out of order
sparse-order.tar 3 'f' has data outside its size or out of order
sparse-name.tar 3 '../../evil' climbs with '..'
owner-huge.tar 3 'f' has an owner that cannot be
owner-minus-one.tar 3 'f' has an owner that cannot be
xattr-huge.tar 3 'f' has an extended attribute of more than 64 KiB
time-huge.tar 3 'f' has a time that cannot be
cut-between.tar 3 it was cut off: the tar archive has no end
cut-inside.tar 3 Truncated tar archive
name-length.cpio 3 it ends in the middle of an entry
cut.cpio 3 it ends in the middle of an entry
checksum.tar 2 it is no archive that can be imported
nothing.tar 2 there is nothing in it
empty.tar 2 it is empty
text.tar 2 it is no archive that can be imported
LIST
[ -z "$(ls "$work/h")" ] || fail "not tried: $(ls "$work/h")"
[ $n -ge 60 ] || fail "only $n archives"
expect 2 err 'it is no archive that can be imported' -- image import /etc/passwd evil
expect 2 err 'no OCI image layout' -- image import "$work/h" evil
mkfifo "$work/pipe"
expect 2 err 'is no file' -- image import "$work/pipe" evil
expect 1 err 'No such file' -- image import "$work/nosuch" evil

# Compressed, the same; and bombs, by what they are and by what they become.
zstd -q <"$work/h/.symlink-parent.tar" >"$work/z.zst"
refused "$work/z.zst" 3 "'a/evil' lies below 'a', which is a symbolic link"
mkdir "$work/bomb" && truncate -s 110M "$work/bomb/zeros" && echo x >"$work/bomb/x"
tar -C "$work/bomb" -cf - . | zstd -q >"$work/bomb.tar.zst"
tar -C "$work/bomb" -czf "$work/bomb.tar.gz" . && tar -C "$work/bomb" -cf - . | xz -0 >"$work/bomb.tar.xz"
for f in zst gz xz; do refused "$work/bomb.tar.$f" 3 "with 'zeros' the files are larger than 100 MiB together" --max-size 100M; done
refused - 3 "with 'zeros' the files are larger than 100 MiB together" --max-size 100M <"$work/bomb.tar.gz"
refused "$work/bomb.tar.gz" 2 '--max-size' --max-size lots
refused "$work/bomb.tar.gz" 2 '--max-entries' --max-entries 0
mkdir "$work/three"
touch "$work/three/a" "$work/three/b" "$work/three/c"
tar -C "$work/three" -cf "$work/three.tar" .
refused "$work/three.tar" 3 'it has more than 3 entries' --max-entries 3
{ cat "$work/h/.name-length.cpio"; head -c 60M /dev/zero; } | zstd -q >"$work/name.cpio.zst"
refused "$work/name.cpio.zst" 3 'an entry has headers of more than 33554432 bytes'
# A file that is cut, or whose checksum is wrong, is not believed although the tar in it is whole.
tar -b 8000 -cf - -C "$work/bomb" x | gzip -n | head -c -6 >"$work/cut.gz"
refused "$work/cut.gz" 3 "it can't be unpacked"
tar -b 8000 -cf - -C "$work/bomb" x | zstd -q --check >"$work/sum.zst"
flip "$work/sum.zst" $(($(stat -c %s "$work/sum.zst") - 1))
refused "$work/sum.zst" 3 "it can't be unpacked"

# Squashfs with a device, and one that is damaged.
if command -v tar2sqfs >/dev/null && command -v sqfs2tar >/dev/null; then
    tar2sqfs -q "$work/dev.sqfs" <"$work/h/.chardev.tar" || fail "tar2sqfs"
    refused "$work/dev.sqfs" 3 "'dev' is a device"
    head -c 4096 "$work/dev.sqfs" | head -c 150 >"$work/cut.sqfs"
    expect 1 err 'sqfs2tar' -- image import "$work/cut.sqfs" evil
else
    fail "needs squashfs-tools-ng"
fi

# After all that: no image, no leftover, nothing anywhere else.
[ ! -e "$root/srv/orthrus/store" ] || [ "$("$orthrus" image list --json | jq '.images | length')" = 0 ] || fail "an image was stored: $("$orthrus" image list)"
[ -z "$(ls -A "$root/srv/orthrus/tmp")" ] || fail "left in tmp: $(ls -A "$root/srv/orthrus/tmp")"
[ -z "$(ls -A "$work/cwd")" ] || fail "written to the working directory: $(ls -A "$work/cwd")"
for f in /etc/evil /tmp/evil /tmp/orthrus-evil "$work/x" "$work/evil" "$root/x" "$root/srv/orthrus/x" "$root/srv/x"; do
    [ ! -e "$f" ] || fail "$f is there"
done

# What is odd but harmless comes in as it would from tar, and is said where it is not the same.
take() { expect 0 out 'is in the store' -- image import "$work/ok/$1.tar" "$1"; expect 0 out 'is in' -- image export "$1" "$work/out-$1.cpio"; }
list() { (cd "$work" && cpio -itv --quiet <"out-$1.cpio" | awk '{print $1, $NF}'); }
take ok-twice
[ "$(list ok-twice | tr '\n' ';')" = "drwxr-xr-x .;drwx--x--x d;-rw-r--r-- f;" ] || fail "twice: $(list ok-twice)"
(cd "$work" && cpio -i --quiet --to-stdout f <out-ok-twice.cpio) | grep -qx second || fail "the later file does not win"
take ok-forms
[ "$(list ok-forms | tr '\n' ';')" = "drwxr-x--- .;drwxr-xr-x a;drwxr-xr-x a/b;-rw-r--r-- a/b/c;" ] || fail "forms: $(list ok-forms)"
expect 0 err "2 directories have no entry; they are made with mode 0755 and belong to root; the first is 'a'" -- image import "$work/ok/ok-forms.tar" again
take ok-nul
list ok-nul | grep -q evil && fail "what follows a zero byte in a name: $(list ok-nul)"
take ok-setuid
list ok-setuid | grep -qx -- '-rwsr-xr-x f' || fail "setuid: $(list ok-setuid)"
take ok-outside-link
"$orthrus" image import "$work/ok/ok-xattrs.tar" xattrs --json >"$work/json" 2>"$work/err" || fail "xattrs: $(cat "$work/err")"
[ "$(jq -r '.notes[0] | "\(.count) \(.first)"' "$work/json")" = "3 f" ] || fail "notes: $(cat "$work/json")"
"$orthrus" image export xattrs - 2>/dev/null >"$work/xattrs.tar"
[ "$(grep -aoE 'SCHILY.xattr.[a-z.-]+' "$work/xattrs.tar" | sort -u | tr '\n' ' ')" = "SCHILY.xattr.trusted.kept SCHILY.xattr.user.kept " ] ||
    fail "xattrs: $(grep -aoE 'SCHILY.xattr.[a-z.-]+' "$work/xattrs.tar")"
expect 0 out 'is in the store' -- image import "$work/h/.chardev.tar" device --allow-devices
[ -z "$(ls -A "$root/srv/orthrus/tmp")" ] || fail "left in tmp: $(ls -A "$root/srv/orthrus/tmp")"
exit $failed
