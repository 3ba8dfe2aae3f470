#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a target holds already: a restore that was cut off believes its journal only of files that are there as they were; an update
# believes nothing; other names of a file outside the target keep their content; a directory hands nothing down; one restore at a time.
set -u
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'chattr -R -iaAdS "$work" 2>/dev/null; rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
noise() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf '%032d' "$2")" -iv 00000000000000000000000000000000; }
same() { # TREE TARGET WHAT
    rsync -aHAXSn --checksum --delete --itemize-changes "$1/" "$2/" >"$work/differences"
    [ ! -s "$work/differences" ] || fail "$3: $(head -n 5 "$work/differences")"
}
# noted TARGET: the journal of a restore that was killed when it had all content, and had noted it.
noted() {
    mkdir -p "$work/begun" && chattr -R -i "$work/begun" && find "$work/begun" -mindepth 1 -delete
    strace -f -qq -o /dev/null -e trace=mkdirat -e inject=mkdirat:signal=KILL:when=1 "$orthrus" image export big "$work/begun" --quiet >/dev/null 2>&1
    [ -e "$work/begun/.orthrus-restore" ] || fail "no journal"
    perl -e 'local $/; my $j = <STDIN>; my $n = unpack("Q<", substr($j, 48, 8)); substr($j, -32) = ""; vec($j, 56 * 8 + $_, 1) = 1 for 0 .. $n - 1; print $j' \
        <"$work/begun/.orthrus-restore" >"$1/.orthrus-restore"
    sha256sum <"$1/.orthrus-restore" | perl -ne 'print pack("H64", $_)' >>"$1/.orthrus-restore"
}
"$orthrus" site init --cluster inplace --interface eth0 --subnet 10.77.0.0/24 --head-address 10.77.0.1 >/dev/null || fail "site init"

mkdir -p "$work/big/d"
for i in $(seq 20); do noise 900000 "$i" >"$work/big/f$i"; echo "$i" >"$work/big/d/$i"; done
ln "$work/big/f5" "$work/big/d/five"
"$orthrus" image build big --from "$work/big" --quiet >/dev/null || fail "build"
"$orthrus" image export big "$work/t1" --quiet >/dev/null || fail "export"
cp -a "$work/t1" "$work/t2"
noted "$work/t1"
noted "$work/t2"
# What somebody does to make room.
rm -rf "$work/t1"/f2 "$work/t1"/f3 "$work/t1/d/1" "$work/t1/f5"
truncate -s 1234 "$work/t1/f4"
truncate -s 0 "$work/t1/d/4"
"$orthrus" image export big "$work/t1" --quiet >/dev/null || fail "completing what lost files"
same "$work/big" "$work/t1" "completed"

# An update of what was cut off is an update.
echo x >"$work/t2/alien"
mkdir "$work/t2/aliens"
for f in "$work/t2"/f*; do printf spoilt | dd of="$f" bs=1 seek=1000 conv=notrunc status=none; done
"$orthrus" image export big "$work/t2" --update --yes --quiet >/dev/null || fail "update of what was cut off"
same "$work/big" "$work/t2" "updated"
id=$(find "$ORTHRUS_ROOT/srv/orthrus/store/images/big" -name manifest.json -exec sha256sum {} + | cut -c1-64)
setfattr -n user.orthrus.restore -v "0x$id" "$work/t2"
echo x >"$work/t2/alien"
printf spoilt | dd of="$work/t2/f7" bs=1 seek=1000 conv=notrunc status=none
"$orthrus" image export big "$work/t2" --update --yes --quiet >/dev/null || fail "update of what is marked"
same "$work/big" "$work/t2" "updated, marked"

# Names outside the target.
mkdir "$work/links"
noise 3000000 1 >"$work/links/a"
ln "$work/links/a" "$work/links/b"
noise 1000 2 >"$work/links/c"
"$orthrus" image build links --from "$work/links" --quiet >/dev/null || fail "build links"
"$orthrus" image export links "$work/current" --quiet >/dev/null || fail "export links"
cp -al "$work/current" "$work/backup"
(cd "$work/backup" && sha256sum -- *) >"$work/sums"
noise 3000000 3 >"$work/links/a"
noise 1000 4 >"$work/links/c"
chmod 600 "$work/links/a"
"$orthrus" image build links --from "$work/links" --quiet >/dev/null || fail "build links again"
"$orthrus" image export links "$work/current" --update --yes --quiet >/dev/null || fail "update links"
same "$work/links" "$work/current" "links"
(cd "$work/backup" && sha256sum -c --quiet "$work/sums") || fail "what is linked from outside was written to"
[ "$(stat -c %a "$work/backup/a")" = 644 ] || fail "what is linked from outside has another mode"
inode=$(stat -c %i "$work/current/a")
printf spoilt | dd of="$work/current/a" bs=1 seek=1000 conv=notrunc status=none
"$orthrus" image export links "$work/current" --update --yes --quiet >/dev/null || fail "update links again"
same "$work/links" "$work/current" "links again"
[ "$(stat -c %i "$work/current/a")" = "$inode" ] || fail "names that are all the image's: the file was not used"

# Names outside the target keep their inode flags, whether the image has the name with other content, as something else or not at all.
# Small files, files of pieces, and one with two names in the target.
rm -rf "$work/current" "$work/backup"
mkdir "$work/backup"
"$orthrus" image export links "$work/current" --quiet >/dev/null || fail "export links for flags"
noise 1000 5 >"$work/backup/c"
noise 3000000 6 >"$work/backup/a"
noise 1000 7 >"$work/backup/extra"
if chattr +i "$work/backup/c" 2>/dev/null && chattr -i "$work/backup/c"; then
    for f in c a extra; do ln -f "$work/backup/$f" "$work/current/$f"; done
    ln -f "$work/backup/a" "$work/current/b"
    chattr +i "$work/backup/c" "$work/backup/a" && chattr +a "$work/backup/extra"
    (cd "$work/backup" && sha256sum -- * && lsattr -- *) >"$work/before"
    "$orthrus" image export links "$work/current" --update --yes --quiet >/dev/null || fail "update of protected links"
    same "$work/links" "$work/current" "protected links"
    (cd "$work/backup" && sha256sum -- * && lsattr -- *) | diff "$work/before" - || fail "what is linked from outside lost its flags"
    lsattr "$work/current" | grep -E '^[^ ]*[ia][^ ]* ' && fail "flags in the target"
    chattr -ia "$work/backup"/*
else
    echo "this file system has no inode flags"
fi
# A device where a file belongs is not opened.
for f in a c; do rm "$work/current/$f" && mknod "$work/current/$f" c 1 3 || fail "mknod"; done
strace -f -qq -o "$work/trace" -e trace=openat,openat2 "$orthrus" image export links "$work/current" --update --yes --quiet >/dev/null 2>&1 ||
    fail "update of devices"
same "$work/links" "$work/current" "devices"
sed -n '/"[ac]", /{/O_EXCL/q;p}' "$work/trace" >"$work/opened"
[ ! -s "$work/opened" ] || fail "a device was opened: $(cat "$work/opened")"

# Directories that hand things down.
mkdir "$work/heirs"
chgrp 1234 "$work/heirs"
chmod g+s "$work/heirs"
setfacl -d -m u:12345:rwx "$work/heirs"
chattr +AdS "$work/heirs" 2>/dev/null
"$orthrus" image export links "$work/heirs" --quiet >/dev/null || fail "export to heirs"
same "$work/links" "$work/heirs" "heirs"
lsattr -R "$work/heirs" | grep -E '^[^ ]*[AdS]' && fail "flags were handed down"

# One at a time.
mkdir "$work/two"
exec 9<"$work/two"
flock 9
"$orthrus" image export links "$work/two" >/dev/null 2>"$work/err" 9<&- && fail "a second restore into one directory"
grep -qF 'another restore into the target is under way' "$work/err" || fail "second: $(cat "$work/err")"
[ -z "$(ls -A "$work/two")" ] || fail "the second changed the target"
exec 9<&-
[ $failed = 0 ] && echo ok
exit $failed
