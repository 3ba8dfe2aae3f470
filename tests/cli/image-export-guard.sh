#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What orthrus image export must not do: remove foreign files unasked, touch the image store by whatever path, print names that pose as
# lines of its own.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: files get owners"; exit 77; }
command -v script >/dev/null || { echo "needs script: a terminal to ask at"; exit 77; }
if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private bash "$0" inside; fi # for bind mounts
# shellcheck source=tests/cli/archive.bash
. "$TOP/tests/cli/archive.bash"
trap 'umount -q "$work/bind" "$work/whole" "$work/part" "$work/above/at" "$store" 2>/dev/null; rm -rf "$work" "$root"' EXIT
export ORTHRUS_ROOT=$work/root # bind mounts of it are made
store=$ORTHRUS_ROOT/srv/orthrus/store
sums() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }

mkdir "$work/tree" && noise 300000 1 >"$work/tree/data" && echo one >"$work/tree/one" && : >"$work/tree/nothing"
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
expect 0 out 'is in the store' -- image build v1 --from "$work/tree"
ref=$("$orthrus" image list --json | jq -r '.images[0].ref') # of v1

# --- --update asks, and without an answer touches nothing
evil=$'evil\n  2 ! nothing else \033[2J'
t=$work/t
fresh() { rm -rf "$t" && mkdir -p "$t/mine" && echo precious >"$t/mine/file" && echo other >"$t/one" && echo x >"$t/$evil"; }
fresh
before=$(sums "$t")
expect 3 err 'not confirmed, and there is no terminal' -- image export v1 "$t" --update </dev/null
grep -qF "next: look at it with --plan, then say --yes" "$work/err" || fail "no next step: $(cat "$work/err")"
grep -qF "remove $t/mine/, which the image does not have" "$work/out" || fail "what goes is not shown: $(cat "$work/out")"
[ "$(sums "$t")" = "$before" ] || fail "unasked, $t was changed"
expect 3 out 'not confirmed' -- image export v1 "$t" --update --json </dev/null
[ "$(jq -r .error.kind "$work/out")" = refused ] || fail "--json: $(cat "$work/out")"
expect 0 out "! remove $t/evil\\x0a  2 ! nothing else \\x1b[2J, which" -- image export v1 "$t" --update --plan
[ "$(wc -l <"$work/out")" = 3 ] || fail "a name makes lines of its own: $(cat -v "$work/out")"
# At a terminal: no, then yes.
script -qec "$orthrus image export v1 $t --update" "$work/typed" <<<no >/dev/null
grep -q 'Type yes to go on' "$work/typed" || fail "it did not ask: $(cat "$work/typed")"
[ "$(sums "$t")" = "$before" ] || fail "answered no, $t was changed"
script -qec "$orthrus image export v1 $t --update" "$work/typed" <<<yes >/dev/null || fail "answered yes: $(cat "$work/typed")"
same_tree "$work/tree" "$t"
fresh
expect 0 out "image $ref is in $t" -- image export v1 "$t" --update --yes </dev/null
same_tree "$work/tree" "$t"
# An image without content has nothing to compare: what is in a file of its here goes all the same.
mkdir "$work/empty" && : >"$work/empty/nothing"
expect 0 out 'is in the store' -- image build void --from "$work/empty"
mkdir "$work/v" && echo content >"$work/v/nothing"
expect 3 err 'not confirmed' -- image export void "$work/v" --update </dev/null
[ "$(cat "$work/v/nothing")" = content ] || fail "unasked, a file was emptied"
# The name of a journal is no licence; nothing but that is as good as empty.
fresh && install -m 600 /dev/null "$t/.orthrus-restore.abcdef"
expect 3 err 'not confirmed' -- image export v1 "$t" --update </dev/null
[ -e "$t/mine/file" ] || fail "a name like a journal's made it remove unasked"
expect 3 err "is not empty: it holds '" -- image export v1 "$work/tree"
rm -rf "$t" && mkdir "$t" && install -m 600 /dev/null "$t/.orthrus-restore.abcdef" && expect 0 out "is in $t" -- image export v1 "$t" --update </dev/null
expect 0 out "is in $work/none" -- image export v1 "$work/none" --update </dev/null
rm -rf "$t" && mkdir "$t" && echo x >"$t/$evil"
expect 3 err "it holds 'evil\\x0a  2 ! nothing else \\x1b[2J'" -- image export v1 "$t"
[ "$(wc -l <"$work/err")" = 2 ] || fail "a name makes lines of its own: $(cat -v "$work/err")"

# --- the image store, by whatever path, and the root directory
before=$(sums "$store")
inside() { # TARGET
    local words
    for words in "" "--update --yes" "--plan --update"; do
        # shellcheck disable=SC2086
        expect 3 err 'is, holds or lies in the image store' -- image export v1 "$1" --format dir $words </dev/null
    done
}
mkdir "$work/bind" "$work/whole" "$work/data" "$work/data/store"
for d in "$store" "$store/" "$store/packs" "$store/images/v1" "$store/new/dir" "$store/images/v1/../../x" "$work" "${store%/*}" "$ORTHRUS_ROOT/srv"; do
    inside "$d"
done
ln -s "$store/images" "$work/link" && inside "$work/link" && inside "$work/link/new"
(cd "$store/images" && inside . && inside new && inside ..)
# A part of the store elsewhere; a directory above it elsewhere; the store itself from elsewhere.
mount --bind "$store/images/v1" "$work/bind" && inside "$work/bind" && inside "$work/bind/new/er"
mount --bind "$ORTHRUS_ROOT/srv" "$work/whole" && inside "$work/whole" && inside "$work/whole/orthrus/store/x"
umount "$work/bind" "$work/whole"
cp -a "$store/." "$work/data/store" && mount --bind "$work/data/store" "$store" && inside "$work/data" && inside "$work/data/store/packs"
umount "$store" && rm -rf "$work/data"
# What is mounted below the target.
mkdir -p "$work/above/at" && mount --bind "$store" "$work/above/at" && inside "$work/above" && umount "$work/above/at"
expect 3 err 'is, holds or lies in the image store' -- image export v1 "$store/packs/x.tar"
for d in / // "$work/../../../../../../../.."; do
    expect 3 err 'is the root of the running system' -- image export v1 "$d" --format dir --update --yes </dev/null
done
expect 3 err "goes through a directory that is not there" -- image export v1 "$work/nowhere/../root/srv/orthrus/store"
[ "$(sums "$store")" = "$before" ] || fail "the store was changed"
expect 0 out 'is intact' -- image verify v1
# Beside it is fine, though the name begins alike.
expect 0 out "is in $store-2" -- image export v1 "$store-2"
expect 0 out "is in ${store%/*}/out.tar" -- image export v1 "${store%/*}/out.tar"

# --- what comes next: the same again helps where room was missing, and not where the image is hurt
part=$work/part
mkdir "$part" && mount -t tmpfs -o size=200k none "$part" || fail "a small file system"
expect 1 err "next: $part holds part of the image: the same command again completes it" -- image export v1 "$part"
mount -o remount,size=10M "$part" && expect 0 out "is in $part" -- image export v1 "$part"
umount "$part"
for pack in "$store"/packs/*.pack; do break; done
verify() { # WHAT
    rm -rf "$part" && mkdir "$part"
    expect 1 err "next: run \`orthrus image verify $ref\`" -- image export v1 "$part"
    ! grep -q 'same command' "$work/err" || fail "$1: $(cat "$work/err")"
}
cp -a "$pack" "$work/pack"
flip "$pack" 100000 && verify "a damaged pack"
cp -a "$work/pack" "$pack" && truncate -s 100000 "$pack" && verify "a pack that was cut"
rm "$pack" && verify "a pack that is missing"
cp -a "$work/pack" "$pack" && expect 0 out "is in $part" -- image export v1 "$part"
exit $failed
