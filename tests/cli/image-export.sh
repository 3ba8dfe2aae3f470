#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus image export into a directory: the very tree that went in; nothing that is there is touched, nothing damaged passes.
set -u
for t in rsync setfattr setfacl setcap chattr; do command -v $t >/dev/null || { echo "needs $t"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root: files get owners"; exit 77; }
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
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

expect 0 out "image $ref is in $work/a/b" -- image export compute "$work/a/b"
same_tree "$work/tree" "$work/a/b"
mkdir -p "$work/fs/lost+found"
chmod 700 "$work/fs/lost+found"
expect 0 out "image $ref is in $work/fs" -- image export "$ref" "$work/fs"
rmdir "$work/fs/lost+found" || fail "lost+found is gone"
touch -r "$work/tree" "$work/fs"
same_tree "$work/tree" "$work/fs"
"$orthrus" image export compute "$work/j" --json >"$work/json" 2>"$work/err" || fail "--json: $(cat "$work/err")"
[ "$(jq -r '"\(.image) \(.target) \(.format)"' "$work/json")" = "$ref $work/j dir" ] || fail "--json: $(cat "$work/json")"
grep -q '"progress"' "$work/err" || fail "no progress with --json"

# One byte of a pack, then of the manifest: the export fails and says so.
pack=$(find "$ORTHRUS_ROOT/srv/orthrus/store/packs" -name '*.pack' | head -n 1)
flip "$pack" $(($(stat -c %s "$pack") / 2))
expect 1 err 'the same command again completes it' -- image export compute "$work/damaged"
flip "$pack" $(($(stat -c %s "$pack") / 2))
flip "$ORTHRUS_ROOT/srv/orthrus/store/images/$ref/manifest.json" 20
expect 1 err 'manifest.json' -- image export compute "$work/unsigned"
[ ! -e "$work/unsigned" ] || fail "an image whose signature is wrong made a directory"
chattr -R -i "$work" 2>/dev/null
exit $failed
