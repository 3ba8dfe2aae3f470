#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What an update must not touch, and what it looks at before it changes anything; what no image may hold.
set -u
orthrus=$BUILD/orthrus
work=$(mktemp -d)
memory=$(mktemp -d /dev/shm/orthrus-guard.XXXXXX)
trap 'rm -rf "$work" "$memory"' EXIT
export ORTHRUS_ROOT=$work/root
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
refused() { # STATUS TEXT COMMAND...
    "${@:3}" >"$work/out" 2>&1
    local rc=$?
    [ $rc = "$1" ] || fail "status $rc, not $1: ${*:3}: $(<"$work/out")"
    grep -qF -- "$2" "$work/out" || fail "no '$2': $(<"$work/out")"
}
update() { "$orthrus" image export "$1" "$2" --update --yes --quiet >"$work/log" 2>&1; }

"$orthrus" site init --cluster guard --interface eth0 --subnet 10.77.0.0/24 --head-address 10.77.0.1 >/dev/null || exit 1
mkdir -p "$work/v/home" "$work/v/etc" "$work/w/home" "$work/precious"
echo one >"$work/v/etc/conf"
echo two >"$work/w/home/file"
echo mine >"$work/precious/file"
for name in v w; do "$orthrus" image build $name --from "$work/$name" --quiet >/dev/null || fail "build $name"; done

# Something of the same file system, and of another one, is mounted where the image has an empty directory, and where it has files.
in_mounts() {
    mount --make-rprivate /
    mkdir -p "$work/at/home"
    echo old >"$work/at/gone"
    for how in "--bind $work/precious" "-t tmpfs none"; do
        # shellcheck disable=SC2086
        mount $how "$work/at/home"
        echo mine >"$work/at/home/file"
        chmod 711 "$work/at/home"
        echo old >"$work/at/gone"
        update v "$work/at" || fail "$how: $(<"$work/log")"
        [ ! -e "$work/at/gone" ] || fail "$how: it did not remove"
        [ "$(cat "$work/at/home/file")" = mine ] || fail "$how: it removed what is mounted"
        [ "$(stat -c %a "$work/at/home")" = 711 ] || fail "$how: it changed what is mounted"
        echo old >"$work/at/gone"
        refused 3 "something is mounted at '/home'" "$orthrus" image export w "$work/at" --update --yes
        [ -e "$work/at/gone" ] || fail "$how: refused, it removed"
        [ "$(cat "$work/at/home/file")" = mine ] || fail "$how: refused, it wrote"
        umount "$work/at/home"
    done
    exit $failed
}
export -f in_mounts update refused fail
export work orthrus failed
if unshare -m true 2>/dev/null; then unshare -m bash -uc in_mounts || failed=1; fi

# A pack is gone: the update says so before anything is removed.
mkdir "$work/keep" "$work/x"
"$orthrus" image export v "$work/keep" --quiet >/dev/null || fail "export"
echo extra >"$work/keep/extra"
head -c 300000 /dev/urandom >"$work/x/big"
ls "$work/root/srv/orthrus/store/packs" >"$work/packs"
"$orthrus" image build x --from "$work/x" --quiet >/dev/null || fail "build x"
pack=$(ls "$work/root/srv/orthrus/store/packs" | grep 'pack$' | grep -vxFf "$work/packs")
mv "$work/root/srv/orthrus/store/packs/$pack" "$work/pack"
update x "$work/keep" && fail "without its pack"
grep -qF "$pack" "$work/log" || fail "it is not named: $(<"$work/log")"
[ -e "$work/keep/extra" ] && [ -e "$work/keep/etc/conf" ] || fail "it removed before it looked"
head -c -1 "$work/pack" >"$work/root/srv/orthrus/store/packs/$pack"
refused 1 "$pack is shorter than the image says" "$orthrus" image export x "$work/keep" --update --yes
[ -e "$work/keep/extra" ] || fail "for a pack cut short it removed before it looked"
mv -f "$work/pack" "$work/root/srv/orthrus/store/packs/$pack"

# What another restore left does not stop an update, nor is it believed.
if strace -f -qq -o /dev/null -e trace=unlinkat -e inject=unlinkat:signal=KILL:when=1 "$orthrus" image export x "$work/cut" --quiet >/dev/null 2>&1; then
    fail "not killed"
fi 2>/dev/null
[ -e "$work/cut/.orthrus-restore" ] || fail "no journal: $(ls -A "$work/cut")"
refused 3 "--update makes it this image" "$orthrus" image export v "$work/cut"
update v "$work/cut" || fail "over another one's journal: $(<"$work/log")"
rsync -aHAXn --checksum --delete -i "$work/v/" "$work/cut/" >"$work/differences"
[ ! -s "$work/differences" ] || fail "$(cat "$work/differences")"
if setfattr -n user.orthrus.restore -v 0x"$(printf '%064d' 7)" "$work/cut" 2>/dev/null; then
    refused 3 "user.orthrus.restore" "$orthrus" image export w "$work/cut"
    update w "$work/cut" || fail "over a mark: $(<"$work/log")"
    getfattr -n user.orthrus.restore "$work/cut" >/dev/null 2>&1 && fail "the mark stays"
fi

# Names like the journal's that are somebody's.
mkdir "$work/named" "$work/dir" "$work/dir/.orthrus-restore.folder"
echo precious >"$work/named/.orthrus-restore.backup"
refused 3 "is not empty" "$orthrus" image export v "$work/named"
refused 3 "is not empty" "$orthrus" image export v "$work/dir"
"$orthrus" image export v "$work/named" --update --plan >"$work/out" || fail "plan"
grep -qF "remove $work/named/.orthrus-restore.backup" "$work/out" || fail "it is not named: $(<"$work/out")"
update v "$work/dir" || fail "a directory of such a name: $(<"$work/log")"
[ -e "$work/named/.orthrus-restore.backup" ] || fail "it is gone"

# Directories above the target are everybody's, as mkdir -p makes them.
"$orthrus" image export v "$work/above/it/target/" --quiet >/dev/null 2>&1 || fail "export below new directories"
[ "$(stat -c %a "$work/above/it")" = 755 ] || fail "above the target: $(stat -c %a "$work/above/it")"

# A plan names everything that goes.
mkdir "$work/many"
touch "$work"/many/f{01..30}
"$orthrus" image export v "$work/many" --update --plan >"$work/out" || fail "plan of many"
[ "$(grep -c "remove $work/many/f" "$work/out")" = 30 ] || fail "not all are named: $(<"$work/out")"

# More attributes than a restore takes: no image comes of it.
echo a >"$memory/f"
if python3 - "$memory/f" 2>/dev/null <<'PY'
import os, sys
for i in range(4200): os.setxattr(sys.argv[1], "user.%d" % i, b"")
PY
then refused 2 "4200 extended attributes" "$orthrus" image build y --from "$memory"; fi

# What came from elsewhere is shown so that it can't act on the terminal.
mkdir -p "$work/turned/boot"
echo kernel >"$work/turned/boot/vmlinuz-1"$'\xe2\x80\xae'
"$orthrus" image build turned --from "$work/turned" --quiet >/dev/null || fail "build turned"
"$orthrus" image show turned >"$work/out" || fail "show"
grep -qF 'vmlinuz-1\xe2\x80\xae' "$work/out" || fail "not escaped: $(<"$work/out")"
[ $failed = 0 ] && echo ok
exit $failed
