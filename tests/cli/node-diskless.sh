#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# node boot --diskless as the head sees it: what the machine is told, what it may fetch, when it is up, and what is refused.
set -u
# shellcheck source=tests/cli/node-boot.bash
. "$TOP/tests/cli/node-boot.bash"
id=$(ls "$root/srv/orthrus/store/images/compute")
dir=$root/srv/orthrus/diskless

before=$(digest)
run 0 node boot n01 --diskless --plan; says 'run its image from memory whenever it netboots; its disks are left alone'
[ "$(digest)" = "$before" ] || fail "--plan changes the state"
run 2 node boot n01 --diskless --disk
run 0 node boot n01 --diskless
[ "$(node_value n01 .boot)" = diskless ] || fail "not kept"
[ "$(action)" = wait ] || fail "told to run what has not been made: $(cat "$body")"

# --- the squashfs is there (this image has no kernel, so that the daemon itself makes none)
mkdir -p "$dir"
printf 'hsqs and so on' >"$dir/compute+$id.squashfs"
sum=$(sha256sum <"$dir/compute+$id.squashfs" | cut -d' ' -f1)
printf '%s' "$sum" >"$dir/compute+$id.sha256"
[ "$(action)" = diskless ] || fail "not told to run it: $(cat "$body")"
[ "$(value '.squashfs | tojson')" = "{\"digest\":\"$sum\",\"bytes\":14}" ] || fail "told of another: $(cat "$body")"
[ "$(value '[.order.node, .order.image_name, .order.image_id, .order.plan_digest] | tojson')" = "[\"n01\",\"compute\",\"$id\",null]" ] || fail "$(cat "$body")"
install_id=$(value .order.install_id)
imager $mac GET "/v1/imager/orders?wait=0"; want 200 orders
[ "$(value .action)" = diskless ] || fail "orders: $(cat "$body")"
imager $mac GET "/v1/diskless/compute/$id"; want 200 "the squashfs"
cmp -s "$body" "$dir/compute+$id.squashfs" || fail "other bytes"
imager '' GET "/v1/diskless/compute/$id"; want 403 "anybody"
imager $mac GET "/v1/diskless/compute/none"; want 404 "one that is not there"
imager $mac GET "/v1/diskless/compute/..%2f..%2fstore"; [ "$status" != 200 ] || fail "a path that leads elsewhere"

# --- it can't: said once, however often it tries
seq=0
broken() { # INSTALL-ID ERROR [EVENT]
    seq=$((seq + 1))
    imager $mac POST /v1/imager/event "$(jq -cn --arg i "$1" --argjson s $seq --arg e "$2" --arg w "${3:-failed}" \
        '{install_id:$i, seq:$s, step:"diskless", event:$w, error:$e, hint:"look at the head"}')"
}
failures() { curl -s --unix-socket "$sock" http://x/v1/events | jq '[.events[] | select(.kind == "diskless-failed" and .node == "n01")] | length'; }
broken "$install_id" 'run n01 from memory: too little of it'; want 200 "a diskless boot that fails"
before=$(digest)
broken "$install_id" 'run n01 from memory: too little of it'; want 200 "once more"
[ "$(digest)" = "$before" ] && [ "$(failures)" = 1 ] || fail "each try is news: $(failures)"
broken "$install_id" 'run n01 from memory: mount the root'; want 200 "for another reason"
[ "$(failures)" = 2 ] || fail "another reason is no news"
run 0 node show n01; says 'mount the root'; says 'look at the head'
run 0 node list; says 'mount the root'
run 0 event list; says "can't run its image from memory: run n01 from memory: too little of it; look at the head"
broken "$install_id" x begin; want 409 "a step that there is not"
[ "$(action)" = diskless ] || fail "given up: $(cat "$body")"
run 0 node boot n01 --net
[ "$(node_value n01 .error)" = null ] || fail "said of what is not tried any more: $(node_value n01 .error)"
broken "$install_id" 'not now'; want 409 "a node that was not told to"
run 0 node boot n01 --diskless
broken "$install_id" 'run n01 from memory: once more'; want 200 "told to again"

# --- it is up, each time, and no installation
report() { imager $mac POST /v1/imager/booted "{\"install_id\":\"$install_id\",\"root\":\"\",\"kernel\":\"6.1\",\"boot_id\":\"$1\",\"os\":\"bookworm\"}"; }
report b1; want 200 "it is up"
[ "$(node_value n01 .state)" = up ] && [ "$(node_value n01 .booted.root)" = memory ] && [ "$(node_value n01 .installed_image)" = null ] ||
    fail "it is not up: $(node_value n01 .)"
"$orthrus" event list | grep -q 'runs from memory' || fail "no event"
[ "$(node_value n01 .error)" = null ] && [ "$(node_value n01 .step)" = null ] || fail "up, and failed: $(node_value n01 .)"
broken "$install_id" 'run n01 from memory: after a restart'; want 200 "it was up, and starts no more"
[ "$(node_value n01 .state)" = ready ] || fail "$(node_value n01 .state), and can't start"
report b2; want 200 "it is up again"
[ "$(action)" = diskless ] || fail "up, and then: $(cat "$body")"

# --- its ssh key is of this start only, and stands beside that of a system on its disks
for k in first second first; do certify $k; want 200 "key $k"; done
before=$(digest)
certify first; want 200 "key first, once more"
[ "$(digest)" = "$before" ] || fail "each question about a key is a write"

# --- its disks are not installed by mistake; too little memory is said before
run 3 node install n01 --plan; says 'runs without disks'
truncate -s 3G "$dir/compute+$id.squashfs"
run 0 node boot n01 --net
run 3 node boot n01 --diskless; says 'has 2 GiB of memory; to run image compute/.* from it takes 3.4 GiB'
[ "$(node_value n01 .boot)" = net ] || fail "refused, and done all the same"

# --- made by a daemon that was killed, or of an image that is gone: away at the next start
stop_daemon TERM
touch "$dir/.half" "$dir/gone+1.squashfs"
start_daemon
[ ! -e "$dir/.half" ] && [ ! -e "$dir/gone+1.squashfs" ] && [ -e "$dir/compute+$id.sha256" ] || fail "the start leaves: $(ls -a "$dir")"

# --- a group whose new nodes run from memory, however they become nodes; those that there are stay as they are
jq '.groups += [{name: "thin", extends: "compute", boot: "diskless"}, {name: "thinner", extends: "thin"}]' "$root/etc/orthrus/site.json" >"$work/site"
cp "$work/site" "$root/etc/orthrus/site.json"
run 0 site apply --yes
run 0 node add t01 --group thinner --mac 52:54:00:00:02:01
says 'add t01: group thinner, .*; it runs its image from memory when it netboots'
printf 'name,group,mac\nt02,thin,52:54:00:00:02:02\nt03,compute,52:54:00:00:02:03\n' >"$work/nodes.csv"
run 0 node import "$work/nodes.csv" --yes
[ "$(node_value t01 .boot) $(node_value t02 .boot) $(node_value t03 .boot)" = 'diskless diskless auto' ] ||
    fail "new nodes boot $(node_value t01 .boot) $(node_value t02 .boot) $(node_value t03 .boot)"
run 0 node set t03 --group thin
[ "$(node_value t03 .boot)" = auto ] || fail "a node that changes its group boots $(node_value t03 .boot)"
run 0 node boot t01 --net
[ "$(node_value t01 .boot)" = net ] || fail "t01 boots $(node_value t01 .boot)"
exit $failed
