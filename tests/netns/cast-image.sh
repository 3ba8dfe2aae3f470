#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An image is cast into the stores of three receivers, each a namespace: all of it, what is lacking of it only, after a cut, without multicast.
# It is whole there, as its signer signed it, or not there at all: a wrong key, damaged packs and a full disk leave nothing.
set -u
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)} BUILD=${BUILD:-$TOP/build}
[ "$(id -u)" = 0 ] || { echo "needs root: it makes networks"; exit 77; }
# shellcheck source=tests/netns/cast.bash
. "$TOP/tests/netns/cast.bash"
export ORTHRUS_ROOT=$work/root
sender_store=$ORTHRUS_ROOT/srv/orthrus/store
"$orthrus" site init --cluster test --interface eth0 --subnet 10.99.0.0/24 >/dev/null || die "site init"
tree=$work/tree
mkdir -p "$tree/etc" "$tree/usr/bin"
head -c 40M /dev/urandom >"$tree/usr/bin/tool"
echo one >"$tree/etc/motd"
build() { "$orthrus" image build compute --from "$tree" >/dev/null 2>"$work/err" || die "image build: $(cat "$work/err")"; }
build
pub=$ORTHRUS_ROOT/var/lib/orthrus/pki/sign.pub
net_up 3 && net_settled || die "no network"

send() { # IMAGE RECEIVERS OPTIONS...
    rm -f "$work/token" "$work"/said* "$work"/log*
    net_in snd "$orthrus" cast send "$1" --receivers "$2" --interface eth0 --token-file "$work/token" --json "${@:3}" >"$work/said.snd" 2>"$work/log.snd" </dev/null &
    sender=$!
    until_so 20 "a token" test -s "$work/token"
}
receive() { # I OPTIONS...: receiver I, into its own store
    net_in "r$1" "$orthrus" cast receive --store "$work/store$1" --trust "$pub" --token-file "$work/token" --json "${@:2}" >"$work/said$1" 2>>"$work/log$1" </dev/null &
    receiver[$1]=$!
}
exits() { # STATUS PID WHAT
    wait "$2"
    local rc=$?
    [ $rc = "$1" ] || fail "$3: exit $rc, not $1: $(tail -n 3 "$work/said$3" "$work/log$3")"
}
# The receiver's store is a head's store.
there() { # I REF: all of its bytes
    local root=$work/root$1
    mkdir -p "$root/srv/orthrus" "$root/var/lib/orthrus"
    ln -sfn "$work/store$1" "$root/srv/orthrus/store"
    ln -sfn "$ORTHRUS_ROOT/var/lib/orthrus/pki" "$root/var/lib/orthrus/pki"
    ORTHRUS_ROOT=$root "$orthrus" image verify "$2" >"$work/verify" 2>&1 || { fail "receiver $1, $2: $(cat "$work/verify")"; return; }
    ORTHRUS_ROOT=$root "$orthrus" image list | grep -q "${2%%/*}" || fail "receiver $1 does not list $2"
    diff -r "$sender_store/images/$2" "$work/store$1/images/$2" || fail "receiver $1 has other documents"
    [ -z "$(find "$work/store$1" -name '*incoming*' -o -name .new -o -name '*.part')" ] || fail "receiver $1 keeps: $(find "$work/store$1" -name '*incoming*')"
}
is() { local v; v=$(said "$1" "$2"); [ "$v" = true ] || fail "receiver $1: not so: $2: $(cat "$work/said$1")"; }
newest() { basename "$(find "$sender_store/images/compute" -mindepth 1 -maxdepth 1 -name '2*' | sort | tail -n 1)"; }

# --- all of it, to three at once
first=compute/$(newest)
send compute 3
for i in 1 2 3; do receive $i; done
for i in 1 2 3; do exits 0 "${receiver[$i]}" $i; done
exits 0 "$sender" .snd
for i in 1 2 3; do
    there $i "$first"
    is $i '.tls_bytes == 0 and .kept_bytes == 0 and .multicast_bytes == .bytes'
done

# --- a later image: the packs that are there do not come again; and once more, when all is there
echo two >"$tree/etc/motd"
head -c 3M /dev/urandom >"$tree/usr/bin/more"
build
second=compute/$(newest)
[ "$first" != "$second" ] || die "one image only"
send compute 2
for i in 1 2; do receive $i; done
for i in 1 2; do exits 0 "${receiver[$i]}" $i; there $i "$second"; done
exits 0 "$sender" .snd
for i in 1 2; do is $i '.kept_bytes > 30000000 and .multicast_bytes < 12000000'; done
send "$second" 1
receive 1
exits 0 "${receiver[1]}" 1
exits 0 "$sender" .snd
there 1 "$second"
# Numbers of a name go on after those that came: nobody can give one twice.
ORTHRUS_ROOT=$work/root1 "$orthrus" image build compute --from "$tree/etc" >/dev/null 2>"$work/err" || fail "build there: $(cat "$work/err")"
[ "$(jq -s '[.[].sequence] | sort == [1, 2, 3]' "$work"/store1/images/compute/2*/manifest.json)" = true ] || fail "numbers: $(jq .sequence "$work"/store1/images/compute/2*/manifest.json)"

# --- cut off by kill -9, and taken up again; one without multicast
send "$second" 2 --rate 80 --gather 1
receive 3 --no-multicast
rm -rf "$work/store2"
receive 2
under_way() { grep -qs '"done_bytes":[1-9][0-9]\{6\}' "$work/log2"; }
until_so 30 "some of it" under_way
journal() { [ -n "$(find "$work/store2" -name '*.journal')" ]; }
until_so 30 "a journal" journal
kill -KILL "${receiver[2]}"
wait "${receiver[2]}" 2>/dev/null
[ -z "$(ls "$work/store2/images" 2>/dev/null)" ] || fail "half an image is there"
receive 2
exits 0 "${receiver[3]}" 3
exits 0 "${receiver[2]}" 2
exits 0 "$sender" .snd
there 3 "$second"
there 2 "$second"
is 3 '.multicast_bytes == 0 and .tls_bytes > 0 and .kept_bytes > 30000000'
is 2 '.kept_bytes > 0 and .kept_bytes + .multicast_bytes + .tls_bytes <= .bytes * 1.02'

# --- signed by somebody else: nothing of it is taken
rm -rf "$work/store1" "$work/root1"
printf '%064d\n' 0 | tr 0 a >"$work/other.pub"
send "$second" 1
net_run r1 "$orthrus" cast receive --store "$work/store1" --trust "$work/other.pub" --token-file "$work/token" --json >"$work/said1" 2>"$work/log1" </dev/null
rc=$?
[ $rc != 0 ] || fail "an image of another signer was taken"
grep -q manifest "$work/said1" || fail "it does not say what is wrong: $(cat "$work/said1")"
[ -z "$(find "$work/store1" -type f ! -name lock)" ] || fail "something is left: $(find "$work/store1" -type f)"
wait "$sender"
# --- a damaged pack at the sender: the same
pack=$(find "$sender_store/packs" -name '*.pack' -size +10M | head -n 1)
cp "$pack" "$work/kept.pack"
printf x | dd of="$pack" bs=1 seek=5000000 conv=notrunc status=none
send "$second" 1
receive 1
exits 1 "${receiver[1]}" 1
grep -q 'pack ' "$work/said1" || fail "it does not say which pack: $(cat "$work/said1")"
[ -z "$(find "$work/store1" -type f ! -name lock)" ] || fail "something is left: $(find "$work/store1" -type f)"
wait "$sender"
cp "$work/kept.pack" "$pack"

# --- words that make no sense
send "$second" 1
net_run r1 "$orthrus" cast receive "$work/plain" --token-file "$work/token" >"$work/out" 2>&1 </dev/null && fail "an image is no file"
grep -q 'leave out' "$work/out" || fail "what is said of an image for a file: $(cat "$work/out")"
receive 1 --plan
wait "${receiver[1]}"
grep -q 'image store' "$work/said1" || fail "the plan: $(cat "$work/said1" "$work/log1")"
kill -INT "$sender"
wait "$sender"
head -c 10000 /dev/urandom >"$work/compute"
send "$work/compute" 1
receive 1
exits 2 "${receiver[1]}" 1
grep -q 'no image' "$work/said1" || fail "what is said of a file for a store: $(cat "$work/said1")"
kill -INT "$sender"
wait "$sender"
(cd "$work" && "$orthrus" cast send compute --plan >"$work/out" 2>&1) && fail "compute is a file and an image"
grep -q 'an image of this name' "$work/out" || fail "which one? $(cat "$work/out")"
exit $failed
