#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A writer killed at any point leaves the old images whole and the new one whole or absent; the next writer cleans up.
set -u
# LeakSanitizer cannot work below strace, which is a tracer itself; leaks are looked for by the other tests.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
store=$work/root/srv/orthrus/store
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

mkdir -p "$work/a" "$work/b"
head -c 2500000 /dev/urandom >"$work/a/one"
cp "$work/a/one" "$work/b/one"
head -c 2500000 /dev/urandom >"$work/b/two"
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || exit 1
"$orthrus" image build old --from "$work/a" --quiet || exit 1

# Every image there is must be whole; there must be at least the old one.
check() {
    local refs ref
    refs=$("$orthrus" image list --json | jq -r '.images[].ref') || { fail "$1: list"; return; }
    echo "$refs" | grep -q '^old/' || fail "$1: the old image is gone"
    for ref in $refs; do
        "$orthrus" image verify "$ref" --quiet || fail "$1: $ref is damaged"
    done
}
forget_new() {
    local ref
    for ref in $("$orthrus" image list --json | jq -r '.images[].ref' | grep '^new/'); do
        "$orthrus" image delete "$ref" --yes --offline --quiet || fail "delete $ref"
    done
}

# At the K-th call of each system call that makes something durable or visible, for every K there is.
precise=0
if strace -o /dev/null true 2>/dev/null; then
    for call in fsync rename unlink; do
        k=1
        while [ $k -le 40 ]; do
            strace -f -qq -o /dev/null -e trace="$call" -e inject="$call":signal=KILL:when=$k \
                "$orthrus" image build new --from "$work/b" --quiet >/dev/null 2>&1
            rc=$?
            precise=$((precise + 1))
            check "killed at $call $k"
            [ $rc != 0 ] || break
            k=$((k + 1))
        done
        [ $k -le 40 ] || fail "$call: never got through"
        forget_new
    done
fi

# The same while deleting: the image is whole or gone, and what was begun is finished by whoever comes next.
new_ref() { "$orthrus" image list --json | jq -r '.images[].ref' | grep '^new/' | head -n 1; }
packs_before=$(ls "$store/packs")
if [ $precise -gt 0 ]; then
    for call in fsync rename unlinkat unlink rmdir; do
        k=1
        while [ $k -le 40 ]; do
            [ -n "$(new_ref)" ] || "$orthrus" image build new --from "$work/b" --quiet || fail "build"
            strace -f -qq -o /dev/null -e trace="$call" -e inject="$call":signal=KILL:when=$k \
                "$orthrus" image delete "$(new_ref)" --yes --offline --quiet >/dev/null 2>&1
            rc=$?
            precise=$((precise + 1))
            check "delete killed at $call $k"
            [ $rc != 0 ] || break
            k=$((k + 1))
        done
        [ $k -le 40 ] || fail "$call: the deletion never got through"
        [ "$packs_before" = "$(ls "$store/packs")" ] || fail "$call: packs of the deleted image are left"
    done
fi

# At odd moments.
for ms in 5 15 30 45 60 90 120 160 220 300; do
    "$orthrus" image build new --from "$work/b" --quiet >/dev/null 2>&1 &
    pid=$!
    sleep "0.$(printf %03d $ms)"
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    check "killed after $ms ms"
done

# The next writer cleans up after all of them.
"$orthrus" image build new --from "$work/b" --quiet || fail "the build after all the kills"
check "at the end"
left=$(find "$store" -name '.new' -o -name '.deleted*' -o -name '*.pack.??????' -o -name '*.idx.??????' -o -name 'pack.??????' -o -path '*/sequence/*~?*' -o -path '*/sequence/*.??????')
[ -z "$left" ] || fail "left behind: $left"
forget_new
"$orthrus" image delete "$("$orthrus" image list --json | jq -r '.images[0].ref')" --yes --offline --quiet || fail "delete the old one"
[ -z "$(ls "$store/packs")" ] || fail "packs that nobody uses are left: $(ls "$store/packs")"
echo "killed at $precise system calls"
exit $failed
