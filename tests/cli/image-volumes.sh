#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A store on several volumes: verify, order and serving agree about what a node will get, so that no disk is erased for an image that can't be read.
set -u
. "$TOP/tests/cli/daemon.bash"
store=$root/srv/orthrus/store
mac1=52:54:00:00:00:01

# verify CODE TEXT / plan KIND TEXT / serve STATUS PATH: what each of the three says
verify() {
    "$orthrus" image verify compute >"$work/out" 2>&1; rc=$?
    [ $rc = "$1" ] || fail "$state: verify: exit $rc, not $1: $(cat "$work/out")"
    grep -qF -- "$2" "$work/out" || fail "$state: verify does not say '$2': $(cat "$work/out")"
}
plan() {
    api POST /v1/install '{"nodes":["n01"],"plan":true,"accept_disks_unseen":true}'; want 200 "$state: plan"
    [ "$(value '.nodes[0].error.kind')" = "$1" ] || fail "$state: plan: not $1: $(cat "$body")"
    body_has "$2" "$state: plan"
}
serve() { imager $mac1 GET "/v1/$2"; want "$1" "$state: GET $2"; }

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add n01 --mac $mac1 --group compute >/dev/null || die "node add n01"
state='no store'; plan not_found 'image compute is not in the store'
body_has 'orthrus image build compute' 'what to do without a store'
tiny_image compute
port=$(tls_port)
enrol $mac1 "$(machine $mac1 A)"; want 200 enrol
ref=$("$orthrus" image list --json | jq -r '.images[0].ref')
pack=$(cd "$store/packs" && ls -- *.pack)
whole() {
    verify 0 'is intact'; plan null "$ref"
    for file in "packs/$pack" "images/$ref/tree.zst"; do
        serve 200 "$file"
        [ "$(sha256sum <"$body")" = "$(sha256sum <"$store/$file")" ] || fail "$state: $file was served wrong"
    done
}
state='as it was made'; whole

# The store and its own directories may lie elsewhere.
mkdir "$work/volume"
for part in packs images sequence; do
    mv "$store/$part" "$work/volume/$part"
    ln -s "$work/volume/$part" "$store/$part"
    state="$part on another volume"; whole
done
mv "$store" "$work/volume/store"
ln -s "$work/volume/store" "$store"
state='all on another volume'; whole
tiny_image other

# Nothing below them may: all three say so.
broken() { # FILE TEXT-OF-VERIFY
    verify 1 "$2"
    plan damaged "$1"
    "$orthrus" node install n01 --yes --accept-disks-unseen >"$work/out" 2>&1 && fail "$state: ordered"
}
mv "$store/packs/$pack" "$work/pack"
ln -s "$work/pack" "$store/packs/$pack"
state='a pack as a link'; broken "$pack" "packs/$pack (not a file itself)"; serve 403 "packs/$pack"
rm "$store/packs/$pack"
state='a pack is missing'; broken "$pack" "packs/$pack"; serve 404 "packs/$pack"
head -c $(($(stat -c %s "$work/pack") - 1)) "$work/pack" >"$store/packs/$pack"
state='a pack is too short'; broken "$pack" "packs/$pack"
rm "$store/packs/$pack"; mkfifo "$store/packs/$pack"
state='a pipe as a pack'; broken "$pack" "packs/$pack"; serve 404 "packs/$pack"
rm "$store/packs/$pack"; mv "$work/pack" "$store/packs/$pack"
for file in tree.zst boot.json; do
    mv "$store/images/$ref/$file" "$work/document"
    ln -s "$work/document" "$store/images/$ref/$file"
    state="$file as a link"; broken "$file" "$file"; serve 403 "images/$ref/$file"
    rm "$store/images/$ref/$file"; mv "$work/document" "$store/images/$ref/$file"
done
mv "$store/images/compute" "$work/compute"
ln -s "$work/compute" "$store/images/compute"
state='an image as a link'; verify 1 "there is no image 'compute'"; plan not_found 'image compute is not in the store'; serve 403 "images/$ref/tree.zst"
rm "$store/images/compute"; mv "$work/compute" "$store/images/compute"
# The volume is not there.
mv "$work/volume/packs" "$work/volume/away"
state='packs are gone'; broken "$pack" "packs/$pack"
mv "$work/volume/away" "$work/volume/packs"
state='all is back'; whole

# What is wrong with the store is said; only what is not there is to be made.
tiny_image compute
newest=$("$orthrus" image list --json | jq -r '[.images[] | select(.name == "compute")] | max_by(.sequence).ref')
: >"$store/images/$newest/manifest.json"
state='a damaged manifest'; plan damaged 'which image compute is the newest is not known'
body_has 'say which one: compute/ID' 'what to do about a damaged manifest'
[ "$failed" = 0 ] && echo ok
exit $failed
