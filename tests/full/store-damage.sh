#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One bit turned at a thousand places, spread over all files of a store: `orthrus image verify` finds each of them, in the images that it
# concerns and in no other, names the file of the store, and names exactly the files of the image that have content there. What they
# are is told by a reader of its own (tests/lab/damage.c).
set -u
# shellcheck source=tests/full/store.bash
. "$TOP/tests/full/store.bash"
damage=$BUILD/tests/lab/damage
flips=${STORE_DAMAGE_FLIPS:-1000} seed=${STORE_DAMAGE_SEED:-1}
work=$(fast_place)
cleanup() {
    local jobs
    jobs=$(jobs -p)
    # shellcheck disable=SC2086
    [ -z "$jobs" ] || kill $jobs 2>/dev/null
    wait
    rm -rf "$work"
}
trap cleanup EXIT
export ORTHRUS_ROOT=$work/root
store=$work/root/srv/orthrus/store

# Files of many sizes, one in several chunks, many in one, content that occurs twice, names of one inode, holes, what has no content.
tree=$work/tree
mkdir -p "$tree/dir/sub" "$tree/boot"
noise 1400000 1 >"$tree/dir/large"
for i in 1 2 3 4 5 6 7 8; do noise $((i * i * 1500)) 1$i >"$tree/dir/sub/file $i"; done
cp "$tree/dir/large" "$tree/twice"
seq 1 60000 >"$tree/dir/text"
noise 50000 30 | dd of="$tree/sparse" bs=4096 seek=50 status=none && truncate -s 800000 "$tree/sparse"
ln "$tree/dir/sub/file 8" "$tree/other-name" && ln -s dir "$tree/link" && : >"$tree/nothing"
echo kernel >"$tree/boot/vmlinuz-1" && echo initrd >"$tree/boot/initrd.img-1"
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null 2>&1 || exit 1
build() { "$orthrus" image build "$1" --from "$tree" --quiet || exit 1; }
build one
noise 600000 40 >"$tree/dir/more" && rm "$tree/dir/sub/file 3"
build one
noise 300000 41 >"$tree/zz"
build other
rm -rf "$tree/dir" "$tree/twice"
build small

"$damage" plan "$store" "$seed" "$flips" >"$work/plan" || exit 1
refs=$(cd "$store/images" && ls -d */*)
[ "$(wc -w <<<"$refs")" = 4 ] || { echo "not four images: $refs" >&2; exit 1; }
for ref in $refs; do "$orthrus" image verify "$ref" --quiet || exit 1; done

miss() { # KIND TEXT
    echo "$1: $where: ${*:2}" | tee -a "$out.$1" >&2
}
# The files of the store that a message names, each once.
named() { grep -oE 'packs/[0-9a-f]{64}\.(pack|idx)|sequence/[A-Za-z0-9._-]+~?|[a-z]+\.(json|sig|zst|bin)' <<<"$1" | sort -u; }

check() { # REF: damaged as $hurt says, or whole
    local ref=$1 said rc name
    said=$("$orthrus" image verify "$ref" --quiet 2>"$here/err")
    rc=$?
    if [ -z "${expected[$ref]+x}" ]; then
        [ $rc = 0 ] || miss misnamed "$ref is whole, but: $(cat "$here/err")"
        return
    fi
    if [ $rc = 0 ]; then miss undetected "$ref"; return; fi
    [ $rc = 1 ] || miss misnamed "$ref: exit $rc: $(cat "$here/err")"
    grep -qF "$ref" "$here/err" || miss misnamed "$ref is not in: $(cat "$here/err")"
    case $file in
    images/*/manifest.*) name=$'manifest.json\nmanifest.sig' ;; # a signature that does not fit does not say which of the two is wrong
    images/*) name=${file##*/} ;;
    *) name=$file ;;
    esac
    [ "$(named "$(head -n 1 "$here/err")")" = "$name" ] || miss misnamed "$ref: the file is not in, or not alone in: $(cat "$here/err")"
    [ "$(sed 's/^hurt: //' <<<"$said")" = "${expected[$ref]}" ] || miss misnamed "$ref: hurt are ${expected[$ref]//$'\n'/, }; said is: $said"
}

worker() { # NUMBER: every second place, in a store of its own
    local n=0 word rest bit place ref file paths
    here=$work/worker$1 out=$work/result$1
    mkdir "$here"
    cp -a "$work/root" "$here/root"
    export ORTHRUS_ROOT=$here/root
    local mine=$here/root/srv/orthrus/store
    while IFS=$'\t' read -r word rest; do
        case $word in
        flip)
            IFS=$'\t' read -r where place bit <<<"$rest"
            file=$where
            unset expected
            declare -A expected=()
            ;;
        image)
            IFS=$'\t' read -r ref paths <<<"$rest"
            expected[$ref]=${paths//$'\t'/$'\n'}
            ;;
        end)
            n=$((n + 1))
            [ $((n % 2)) = "$1" ] || continue
            # What was hurt, for the numbers at the end.
            echo "${file##*.}" | sed -E 's,^(sequence).*,\1,' >>"$out.places"
            [ ${#expected[@]} -gt 0 ] || miss undetected "nobody is concerned"
            "$damage" flip "$mine/$where" "$place" "$bit" || miss undetected "cannot flip"
            where="$where byte $place bit $bit"
            for ref in $refs; do check "$ref"; done
            "$damage" flip "$mine/${where%% byte*}" "$place" "$bit"
            ;;
        esac
    done <"$work/plan"
    for ref in $refs; do "$orthrus" image verify "$ref" --quiet || miss misnamed "$ref is damaged at the end"; done
}
began=$SECONDS
worker 0 &
worker 1 &
wait
sort "$work"/result*.places | uniq -c
done=$(cat "$work"/result*.places | wc -l)
undetected=$(cat "$work"/result*.undetected 2>/dev/null | wc -l)
misnamed=$(cat "$work"/result*.misnamed 2>/dev/null | wc -l)
echo "RESULT damage flips=$done undetected=$undetected misnamed=$misnamed seconds=$((SECONDS - began))"
[ "$done" = "$flips" ] && [ "$undetected" = 0 ] && [ "$misnamed" = 0 ]
