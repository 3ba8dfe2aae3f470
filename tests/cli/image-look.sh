#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Looking into images: ls, cat, diff, what they cost, and verify --all.
set -u
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
store=$work/root/srv/orthrus/store
# shellcheck source=tests/cli/expect.bash
. "$TOP/tests/cli/expect.bash"

# says FILTER WANT -- WORDS...: what the jq filter makes of the JSON
says() {
    local filter=$1 want=$2 got
    shift 3
    "$orthrus" "$@" --json --quiet >"$work/out" 2>"$work/err" </dev/null
    [ -s "$work/err" ] && fail "orthrus $* --json writes to standard error: $(cat "$work/err")"
    got=$(jq -rc "$filter" "$work/out" 2>&1)
    [ "$got" = "$want" ] || fail "orthrus $* --json: $filter is '$got', not '$want'"
}

tree=$work/tree
mkdir -p "$tree/usr/bin" "$tree/etc/sub" "$tree/empty"
noise 3000000 1 >"$tree/usr/bin/tool"
chmod 4755 "$tree/usr/bin/tool"
ln -s usr/bin "$tree/bin"
ln -s /bin/tool "$tree/etc/absolute"
ln -s ../../../../../../../../etc/passwd "$tree/etc/sub/outside"
printf 'inside the image\n' >"$tree/etc/passwd"
ln "$tree/etc/passwd" "$tree/etc/sub/again"
printf 'x' >"$tree/"$'new\nline \xff'
truncate -s 120M "$tree/sparse"
printf 'end' | dd of="$tree/sparse" bs=1 seek=99000000 conv=notrunc status=none
mkfifo "$tree/fifo"
setfacl -m u:4711:r "$tree/etc/passwd"
setfattr -n user.note -v hello "$tree/usr/bin/tool"
touch -d '1960-01-02 03:04:05.678 UTC' "$tree/empty"
touch -d '2300-01-01 00:00:00 UTC' "$tree/etc/sub"

"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
expect 0 out '"reclaimable_bytes": 0' -- image list --json
expect 0 out 'is in the store' -- image build compute --from "$tree"
first=$("$orthrus" image list --json | jq -r '.images[0].ref')
[ -n "$first" ] || exit 1

# ls: as find(1) names what is there.
"$orthrus" image ls compute --recursive >"$work/got" || fail "ls --recursive"
(cd "$tree" && find . -printf '/%P\0') | LC_ALL=C sort -z | tr '\n\0' '\001\n' | sed 's/\x01/\\x0a/; s/\xff/\\xff/' >"$work/want"
LC_ALL=C sort "$work/got" | cmp - "$work/want" || fail "ls --recursive lists other names: $(diff "$work/got" "$work/want")"
expect 0 out 'passwd' -- image ls "$first" /etc
expect 0 out 'tool' -- image ls compute bin
expect 0 out 'new\x0aline \xff' -- image ls compute
[ "$(wc -l <"$work/out")" = "$(find "$tree" -mindepth 1 -maxdepth 1 -printf 'x\n' | wc -l)" ] || fail "ls prints $(cat "$work/out")"
[ -z "$("$orthrus" image ls compute empty)" ] || fail "ls of an empty directory"
long() { # PATH REGEX...
    local path=$1 want
    shift
    "$orthrus" image ls compute "$path" --long >"$work/out" || fail "ls --long $path"
    for want; do grep -qE -- "$want" "$work/out" || fail "ls --long $path: no $want: $(cat "$work/out")"; done
}
long bin '^lrwxrwxrwx .* /bin -> usr/bin$'
long bin/ '^-rwsr-xr-x@ +1 +0 +0 +3000000 +3000000 .* tool$'
long /etc/passwd '^-rw-r--r--\+ +2 +[0-9]+ +[0-9]+ +17 +17 '
long sparse ' 125829120 +4096 '
long / '^prw-r--r-- ' ' 1960-01-02T03:04:05Z +empty$' '^drwxr-xr-x +3 .* etc$'
long /etc ' 2300-01-01T00:00:00Z +sub$'
says '[.entries[].path] | sort' '["/etc/absolute","/etc/passwd","/etc/sub"]' -- image ls compute etc
says '.entries[0] | [.mode, .uid, .size, .data_bytes, .links, .xattrs[0].name, .xattrs[0].value_hex]' \
    "[\"4755\",$(id -u),3000000,3000000,1,\"user.note\",\"68656c6c6f\"]" -- image ls compute usr/bin
says '[.entries[] | select(.path_hex)][0].path_hex' 2f6e65770a6c696e6520ff -- image ls compute
says '[.entries[] | select(.link_of)][0] | [.path, .link_of, .links, .size]' '["/etc/sub/again","/etc/passwd",2,17]' -- image ls compute etc/sub
says '.entries[] | select(.path == "/empty") | [.mtime, .mtime_s, .mtime_ns]' '["1960-01-02T03:04:05Z",-315521755,678000000]' -- image ls compute
expect 1 err "'/nothing' is not in the image" -- image ls compute nothing
expect 1 err 'is no directory' -- image ls compute etc/passwd/x
expect 1 err "there is no image 'other'" -- image ls other
expect 2 err 'its form is' -- image ls
"$orthrus" image ls compute --recursive 2>"$work/err" | head -n 1 >/dev/null
[ -s "$work/err" ] && fail "ls into a closed pipe: $(cat "$work/err")"

# cat: byte for byte, inside the image only.
same() { "$orthrus" image cat compute "$1" 2>"$work/err" | cmp - "$2" || fail "cat $1: $(cat "$work/err")"; }
same usr/bin/tool "$tree/usr/bin/tool"
same etc/absolute "$tree/usr/bin/tool"
same etc/sub/outside "$tree/etc/passwd"
same /etc/sub/again "$tree/etc/passwd"
same sparse "$tree/sparse"
[ "$("$orthrus" image cat compute etc/passwd bin/tool etc/passwd | sha256sum)" = "$(cat "$tree/etc/passwd" "$tree/usr/bin/tool" "$tree/etc/passwd" | sha256sum)" ] ||
    fail "cat of three files"
expect 2 err 'is no regular file' -- image cat compute etc
expect 2 err 'is no regular file' -- image cat compute fifo
expect 1 err 'is not in the image' -- image cat compute etc/passwd etc/none
[ -s "$work/out" ] && fail "cat printed something though a name was wrong"
expect 2 out '"usage"' -- image cat compute etc/passwd --json
"$orthrus" image cat compute usr/bin/tool 2>"$work/err" | head -c 10 >/dev/null
[ "${PIPESTATUS[0]} $(cat "$work/err")" = '0 ' ] || fail "cat into a closed pipe: $(cat "$work/err")"
# What is damaged is not printed, not even in part.
pack=$(ls -S "$store"/packs/*.pack | head -n 1)
cp "$pack" "$work/keep"
printf 'XXXX' | dd of="$pack" bs=1 seek=$(($(stat -c %s "$pack") / 2)) conv=notrunc status=none
expect 1 err 'next: `orthrus image verify' -- image cat compute usr/bin/tool
[ "$(stat -c %s "$work/out")" -lt 3000000 ] && cmp -n "$(stat -c %s "$work/out")" "$work/out" "$tree/usr/bin/tool" || fail "cat prints what is damaged"
cp "$work/keep" "$pack"

# diff.
says '[.differences, .summary.same, .summary.delta_chunks]' "[[],$(wc -l <"$work/want"),0]" -- image diff compute "$first"
echo more >"$tree/etc/more"
rm "$tree/fifo"
chmod 755 "$tree/usr/bin/tool"
printf 'y' | dd of="$tree/usr/bin/tool" bs=1 seek=2000000 conv=notrunc status=none
mv "$tree/etc/sub/again" "$tree/etc/sub/renamed"
touch -d '2300-01-01 00:00:00 UTC' "$tree/etc/sub"
ln -sfn usr/sbin "$tree/bin"
expect 0 out 'is in the store' -- image build compute --from "$tree"
second=$("$orthrus" image list --json | jq -r '.images[1].ref')
expect 0 out 'added    /etc/more' -- image diff "$first" compute
for line in 'removed  /fifo' 'changed  /usr/bin/tool: mode 4755 -> 0755, mtime, content' 'renamed  /etc/sub/again -> /etc/sub/renamed' \
    'changed  /bin: mtime, target usr/bin -> usr/sbin' '1 added (5 B), 1 removed (0 B), '; do
    grep -qF -- "$line" "$work/out" || fail "diff does not say '$line': $(cat "$work/out")"
done
says '[.differences[] | "\(.kind) \(.path) \(.what | join(" "))"] | join("; ")' \
    'changed /bin target; added /etc/more ; renamed /etc/sub/renamed ; removed /fifo ; changed /usr/bin/tool content' -- \
    image diff "$first" "$second" --content
says '[.differences[].path]' '["/etc","/etc/more","/etc/passwd","/etc/sub/renamed"]' -- image diff "$first" "$second" /etc/
says '.differences[] | select(.path == "/usr/bin/tool") | [.a.mode, .b.mode]' '["4755","0755"]' -- image diff "$first" "$second"
# A delta restore moves the chunks that the second image alone has.
want=$("$orthrus" image list --json | jq '.images[1].unique_bytes')
says '.summary.delta_stored_bytes' "$want" -- image diff "$first" "$second"
expect 1 err "neither image has '/none'" -- image diff "$first" "$second" none
expect 2 err 'its form is' -- image diff compute

# What they cost: each of their own, what they share once, and a pack that nobody uses.
head -c 54321 /dev/zero >"$store/packs/$(printf 'a%.0s' $(seq 64)).pack"
says '.total | [.images, .reclaimable_bytes, .removable_bytes]' '[2,54321,54321]' -- image list
says '.images | map(.unique_bytes + .shared_bytes == .stored_bytes) | all' true -- image list
says '(.images | map(.unique_bytes) | add) + .images[0].shared_bytes == .total.used_bytes' true -- image list
says '.total.packs_bytes - .total.used_bytes' 54321 -- image list
[ "$("$orthrus" image list --json | jq .total.packs_bytes)" = "$(cat "$store"/packs/*.pack | wc -c)" ] || fail "the packs' size"
expect 0 out 'UNIQUE' -- image list
expect 0 out '53.0 KiB of it reclaimable' -- image list
grep -q '^TOTAL ' "$work/out" || fail "image list has no line TOTAL"

# verify --all: what is wrong with one keeps no other from being looked at.
expect 0 out '2 images, all intact' -- image verify --all
expect 2 err '--all verifies every image' -- image verify
expect 2 err 'does not know what to do' -- image verify --all compute
cp "$store/images/$first/tree.zst" "$work/keep"
printf 'XXXX' | dd of="$store/images/$first/tree.zst" bs=1 seek=30 conv=notrunc status=none
expect 1 err '1 of 2 images are damaged' -- image verify --all
grep -qF "image $second is intact" "$work/out" || fail "verify --all stopped at the first"
grep -qF 'tree.zst' "$work/err" || fail "verify --all does not say what is wrong: $(cat "$work/err")"
says '[.intact, (.images | map(.intact))]' '[false,[false,true]]' -- image verify --all
cp "$work/keep" "$store/images/$first/tree.zst"
says '.intact' true -- image verify --all
says '[.bytes == (.images | map(.bytes) | add), (.images | map(.bytes > 0) | all), .bytes_per_second > 0]' '[true,true,true]' -- image verify --all
exit $failed
