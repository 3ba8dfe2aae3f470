#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus image: build from a directory, list, show, verify, delete; damage is found and named; an image in use stays.
set -u
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
store=$work/root/srv/orthrus/store
# shellcheck source=tests/cli/expect.bash
. "$TOP/tests/cli/expect.bash"

tree=$work/tree
mkdir -p "$tree/usr/bin" "$tree/boot" "$tree/etc"
noise 3000000 1 >"$tree/usr/bin/tool"
noise 100000 2 >"$tree/boot/vmlinuz-6.1.0-1-amd64"
echo initrd >"$tree/boot/initrd.img-6.1.0-1-amd64"
ln -s tool "$tree/usr/bin/link"

# Before there is anything.
expect 0 out 'IMAGE' -- image list
expect 1 err 'there is no image store' -- image verify compute
expect 1 err 'there are no keys to sign with' -- image build compute --from "$tree"
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
expect 1 err "has no image 'nosuch'" -- image build nosuch
expect 2 err "is not one that can be built" -- image build compute --suite potato
expect 2 err "is not the name of a Debian package" -- image build compute --suite bookworm --mirror http://localhost/ --package 'a b'
expect 2 err "is not an http, https or file URL" -- image build compute --suite bookworm --mirror 'ftp://x'
expect 2 err "$tree/boot/initrd.img-6.1.0-1-amd64 is not a directory" -- image build compute --from "$tree/boot/initrd.img-6.1.0-1-amd64"
expect 1 err "$tree/none: No such file" -- image build compute --from "$tree/none"
expect 2 err "name '../x'" -- image build ../x --from "$tree"

# A plan names what it would do and does nothing.
expect 0 out "store $tree as image compute, kind golden" -- image build compute --from "$tree" --plan
expect 0 out 'install trixie into a new tree below' -- image build compute --suite trixie --mirror http://localhost/ --plan
[ ! -e "$store" ] || fail "--plan made $store"

expect 0 out 'is in the store' -- image build compute --from "$tree"
[ -d "$store" ] || exit 1
"$orthrus" image list --json >"$work/list" || fail "image list --json"
ref=$(jq -r '.images[0].ref' "$work/list")
[ "$(jq -r '.images | length' "$work/list")" = 1 ] || fail "not one image: $(cat "$work/list")"
[ "$(jq -r '.images[0] | "\(.name) \(.kind) \(.sequence) \(.readable)"' "$work/list")" = "compute golden 1 true" ] || fail "list: $(cat "$work/list")"
expect 0 out "$ref" -- image list
expect 0 out '"signer"' -- image show compute
expect 0 out '"boot/vmlinuz-6.1.0-1-amd64"' -- image show "$ref"
[ "$("$orthrus" image show compute --json | jq -r '.boot.kernels[0].version')" = 6.1.0-1-amd64 ] || fail "show --json"
expect 0 out 'is intact' -- image verify compute
"$orthrus" image verify "$ref" --json >"$work/json" || fail "verify --json"
jq -e '.intact and .bytes == 3100007 and .seconds >= 0 and .bytes_per_second > 0' "$work/json" >/dev/null || fail "verify --json: $(cat "$work/json")"

# One bit in each kind of file: found, the file named, and for packs the files of the image that are hurt.
for kind in manifest.json manifest.sig tree.zst chunks.bin boot.json pack idx; do
    case $kind in
    pack|idx) file=$(ls "$store"/packs/*.$kind | head -n 1) ;;
    *) file=$store/images/$ref/$kind ;;
    esac
    size=$(stat -c %s "$file")
    at=$((size / 2))
    flip "$file" $at
    expect 1 err "$kind" -- image verify "$ref"
    [ "$kind" != pack ] || grep -qF 'hurt: /usr/bin/tool' "$work/out" || fail "verify does not name the file hurt: $(cat "$work/out")"
    if [ "$kind" = pack ]; then
        [ "$("$orthrus" image verify "$ref" --json | jq -r '"\(.intact) \(.hurt[0])"')" = "false /usr/bin/tool" ] || fail "verify --json of damage"
    fi
    flip "$file" $at
done
counter=$store/sequence/compute
flip "$counter" 0
expect 1 err 'sequence/compute' -- image verify compute
expect 1 err 'the next `orthrus image build compute` writes it anew' -- image verify compute
copy=$store/sequence/compute~
flip "$copy" 0
expect 1 err 'has no whole copy' -- image build compute --from "$tree"
expect 1 err "remove $counter and its copy compute~" -- image verify compute
flip "$copy" 0
flip "$counter" 0
expect 0 out 'is intact' -- image verify compute

# A second one shares what is the same.
before=$(du -s "$store/packs" | cut -f 1)
echo more >"$tree/etc/more"
expect 0 out 'is in the store' -- image build compute --from "$tree"
[ -d "$store" ] || exit 1
after=$(du -s "$store/packs" | cut -f 1)
[ $((after - before)) -lt 2000 ] || fail "the second image took $((after - before)) KiB more"
[ "$("$orthrus" image list --json | jq -r '[.images[].sequence] | join(",")')" = 1,2 ] || fail "sequence numbers"
second=$("$orthrus" image list --json | jq -r '.images[1].ref')

# What somebody else put into images/ is passed over and named; a pipe is not waited for.
touch "$store/images/README"
expect 0 out "$ref" -- image list
expect 0 err 'images/README is no image' -- image list
expect 0 out 'is intact' -- image verify compute
expect 0 out 'store' -- image build compute --from "$tree" --plan
expect 3 err 'images/README is no directory' -- image build README --from "$tree" --plan
rm "$store/images/README"
mv "$store/images/$ref/manifest.json" "$work/keep"
mkfifo "$store/images/$ref/manifest.json"
out=$(timeout 60 "$orthrus" image list 2>&1) || fail "image list beside a pipe: $out"
grep -qF 'manifest.json is not a regular file' <<<"$out" || fail "image list beside a pipe: $out"
rm "$store/images/$ref/manifest.json"
mv "$work/keep" "$store/images/$ref/manifest.json"

# Deleting: by full name only, confirmed, and only when nobody uses it.
expect 2 err 'say which image' -- image delete compute --yes --offline
expect 3 err 'is not known' -- image delete "$ref" --yes
expect 3 err 'not confirmed' -- image delete "$ref" --offline
expect 0 out "delete image $ref" -- image delete "$ref" --offline --plan
expect 0 out "$ref" -- image list
expect 2 err 'say one of them' -- image delete "$ref" --yes --offline --api https://127.0.0.1:1 --ca x
expect 2 err "image 'compute/..'" -- image delete compute/.. --yes
# While orthrusd's lock is held nothing is deleted behind its back.
mkdir -p "$work/root/run/orthrus"
exec 9>"$work/root/run/orthrus/lock"
flock -n 9 || fail "the daemon's lock"
expect 3 err 'orthrusd runs here' -- image delete "$ref" --offline --plan
expect 3 err 'orthrusd runs here' -- image delete "$ref" --offline --yes
exec 9>&-
expect 0 out "$ref" -- image list
expect 0 out "is deleted" -- image delete "$ref" --yes --offline
expect 0 out 'is intact' -- image verify "$second"
expect 1 err 'there is no image' -- image show "$ref"
expect 1 err 'there is no image' -- image delete "$ref" --yes --offline
expect 0 out 'is deleted' -- image delete "$second" --yes --offline
[ -z "$(ls "$store/packs")" ] || fail "packs are left: $(ls "$store/packs")"
# The number is not used again.
expect 0 out 'is in the store' -- image build compute --from "$tree"
[ -d "$store" ] || exit 1
[ "$("$orthrus" image list --json | jq -r '.images[0].sequence')" = 3 ] || fail "a sequence number came again"

# What each stage took: of a tree that is there already nothing is compressed; of a new one all that is not the same is.
stages() { # FILTER: what is not so of the last build
    "$orthrus" image build compute --from "$tree" --json >"$work/json" 2>"$work/err" || fail "build --json: $(cat "$work/err")"
    jq -e ".stages | $1 and .seconds > 0 and .workers >= 1 and .bytes_per_second > 0 and ([.hash, .compare, .compress, .pack, .sync] | all(. >= 0))" \
        "$work/json" >/dev/null || fail "stages are not so that $1: $(cat "$work/json")"
}
stages '.raw_bytes == 3100012 and .shared_bytes == .raw_bytes and .stored_bytes == 0 and .compress == 0 and .sync == 0 and .hash + .compare > 0'
noise 30000000 3 >"$tree/usr/bin/new"
stages '.raw_bytes == 33100012 and .shared_bytes < 8000000 and .stored_bytes > 25000000 and .hash > 0 and .compress > 0 and .pack > 0 and .sync > 0'
packed=$(jq .stages.stored_bytes "$work/json")
[ "$(($(cat "$store"/packs/*.pack | wc -c) - packed))" -gt 3000000 ] || fail "not $packed bytes were added to the packs"
expect 0 out 'MiB/s), 31.6 MiB of them shared, 0 B stored' -- image build compute --from "$tree"
expect 0 out 'is intact: 31.6 MiB in ' -- image verify compute
exit $failed
