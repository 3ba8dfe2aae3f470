#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What becomes of an order that stands when the site changes, when the machine boots its disk before it said "done", and of the boot
# target that was chosen before it.
set -u
. "$TOP/tests/cli/daemon.bash"
mac1=52:54:00:00:00:01 mac2=52:54:00:00:00:02 n=0

event() { # TOKEN INSTALL_ID SEQ STEP EVENT [MORE-JSON]
    imager "$1" POST /v1/imager/event "$(jq -cn --arg i "$2" --argjson q "$3" --arg s "$4" --arg e "$5" --argjson m "${6:-null}" \
        '{install_id:$i, seq:$q, step:$s, event:$e} + ($m // {})')"
}
order() { # NODE MAC SERIAL-PREFIX: its machine says hello and is ordered to install; sets $token $id $report
    hello "$2" "$(machine "$2" "$3")"; want 200 "hello of $1"; token=$who
    "$orthrus" node install "$1" --yes >"$work/out" 2>&1 || fail "install $1: $(cat "$work/out")"
    imager "$token" GET /v1/imager/orders; want 200 "orders of $1"
    id=$(value .order.install_id) report=$who
}
site=$root/etc/orthrus/site.json

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
"$orthrus" node add 'n[01-02]' --mac $mac1,$mac2 --group compute >/dev/null || die "node add"
port=$(tls_port)
settle

# Another time zone: the order goes on, with the new one; approved disks stay approved.
order n01 $mac1 A
was=$(value '.order.plan_digest')
change_site '.time.zone = "Europe/Berlin"'
"$orthrus" site apply --plan >"$work/plan" || fail "site apply --plan"
grep -q 'n01: bring its order up to date' "$work/plan" || fail "the plan does not name the order: $(cat "$work/plan")"
"$orthrus" site apply --yes >/dev/null || fail "site apply with another time zone"
imager "$token" GET /v1/imager/orders
[ "$(value '.action + " " + .order.timezone + " " + .order.install_id + " " + .order.plan_digest')" = "install Europe/Berlin $id $was" ] ||
    fail "after another time zone the order is $(cat "$body")"
report=$who

# A disk is protected now: the order was given without that. It is withdrawn, before the machine hears of it.
change_site '.disk_layouts[0].disks.protect = ["A0"]'
before=$(digest)
"$orthrus" site apply --plan >"$work/plan" || fail "site apply --plan with protect"
grep -q 'n01: withdraw the installation of compute/.* its disk layout changes' "$work/plan" || fail "the plan does not name the withdrawal: $(cat "$work/plan")"
[ "$before" = "$(digest)" ] || fail "site apply --plan changed the state"
"$orthrus" site apply --yes >/dev/null || fail "site apply with protect"
[ "$(node_value n01 '.state + " " + (.order | tostring)')" = 'ready false' ] || fail "an order outlived its layout: $(node_value n01 .state)"
event "$token" "$id" 1 disk-test begin; want 409 'the withdrawn installation begins'
hello $mac1 "$(machine $mac1 A)"
[ "$(value .action)" = wait ] || fail "after the withdrawal n01 is told $(value .action)"
"$orthrus" event list | grep -q 'install-withdrawn.*n01\|n01.*withdrawn' || fail "no event of the withdrawal: $("$orthrus" event list | tail -3)"
change_site '.disk_layouts[0].disks.protect = []'
"$orthrus" site apply --yes >/dev/null || fail "site apply without protect"

# Another domain: the name that was approved is another one, so this order is withdrawn too.
order n01 $mac1 A
was=$(jq -r .cluster.domain "$site")
change_site '.cluster.domain = "other.internal"'
"$orthrus" site apply --plan >"$work/plan" || fail "site apply --plan with another domain"
grep -q 'n01: withdraw the installation of compute/.* its domain changes' "$work/plan" || fail "the plan does not name the withdrawal: $(cat "$work/plan")"
"$orthrus" site apply --yes >/dev/null || fail "site apply with another domain"
[ "$(node_value n01 '.state + " " + (.order | tostring)')" = 'ready false' ] || fail "an order outlived its domain: $(node_value n01 .state)"
imager "$token" GET /v1/imager/orders; want 200 'orders after the domain changed'
[ "$(value .action)" = wait ] || fail "after the domain changed n01 is told $(value .action)"
change_site ".cluster.domain = \"$was\""
"$orthrus" site apply --yes >/dev/null || fail "site apply with the domain it had"

# While a node is being installed its layout stays.
order n01 $mac1 A
event "$token" "$id" 1 wipe begin; want 200 'begin'
change_site '.disk_layouts[0].disks.protect = ["A0"]'
before=$(digest)
"$orthrus" site apply --yes >"$work/out" 2>&1; rc=$?
[ $rc = 3 ] || fail "a layout changes under an installation: exit $rc"
grep -q 'n01 is being installed' "$work/out" && grep -q 'node boot n01 --disk --force' "$work/out" || fail "the refusal is: $(cat "$work/out")"
[ "$before" = "$(digest)" ] || fail "a refused site changed the state"
change_site '.disk_layouts[0].disks.protect = []'

# It boots its disk before it could say "done". In the middle of the boot loader's step: a failure, and nothing is erased by itself.
for step in wipe restore host-files verify; do event "$token" "$id" $((++n + 1)) $step begin; done
event "$token" "$id" 90 boot-loader begin; want 200 'boot-loader begins'
imager "$report" POST /v1/imager/booted "{\"install_id\":\"$id\",\"root\":\"u\"}"; want 200 'booted in the middle'
[ "$(node_value n01 '.state + " " + (.order | tostring)')" = 'failed false' ] || fail "booted in the middle: $(node_value n01 .state)"
node_value n01 .error | grep -q 'booted from its disks' || fail "its error is $(node_value n01 .error)"
imager "$report" POST /v1/imager/booted "{\"install_id\":\"$id\",\"root\":\"u\"}"; want 409 'booted again after the failure'
"$orthrus" event list | grep -q 'though its installation failed' || fail "nobody is told that an unfinished system runs"

# After that step: it is installed, whatever came between.
order n01 $mac1 A
event "$token" "$id" 1 boot-loader begin; want 200 'boot-loader begins'
event "$token" "$id" 2 boot-loader 'done'; want 200 'boot-loader is done'
imager "$report" POST /v1/imager/booted "{\"install_id\":\"$id\",\"root\":\"u\"}"; want 200 'booted before done'
[ "$(node_value n01 '.state + " " + (.order | tostring) + " " + .booted.root')" = 'up false u' ] || fail "booted before done: $(node_value n01 .)"
hello $mac1 "$(machine $mac1 A)"
[ "$(value .action)" = disk ] || fail "n01 netboots after that and is told $(value .action)"

# Its next netboot goes to the EFI system partition that was made, and to no other disk's.
order n02 $mac2 B
event "$token" "$id" 1 disk-test begin; want 200 'begin'
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\"}"; want 409 'done before anything was written'
event "$token" "$id" 2 wipe begin; want 200 'wipe'
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\",\"report\":{\"esp_uuid\":\"../x\"}}"; want 400 'done with a partition that is none'
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\",\"report\":{\"esp_uuid\":\"C5EA-41D0\"}}"; want 200 'done'
grep -q -- '--fs-uuid --set=root C5EA-41D0' "$root/srv/orthrus/tftp/grub/nodes/$mac2.cfg" || fail "n02's GRUB file does not name its partition"

# What was chosen by hand before an order holds again when it did not take place.
"$orthrus" node boot n02 --disk --yes >/dev/null || fail "boot n02"
order n02 $mac2 B
[ "$(node_value n02 .boot)" = auto ] || fail "an ordered node's boot target is $(node_value n02 .boot)"
event "$token" "$id" 1 plan failed '{"error":"not these disks"}'; want 200 'refused'
[ "$(node_value n02 .boot)" = disk ] || fail "after a refusal the boot target is $(node_value n02 .boot)"
grep -q -- '--fs-uuid --set=root C5EA-41D0' "$root/srv/orthrus/tftp/grub/nodes/$mac2.cfg" || fail "after a refusal n02's GRUB file does not name its partition"
order n02 $mac2 B
change_site '.disk_layouts[0].disks.protect = ["Z9"]'
"$orthrus" site apply --yes >/dev/null || fail "site apply"
[ "$(node_value n02 '.boot + " " + .state')" = 'disk installed' ] || fail "after a withdrawal: $(node_value n02 '.boot + " " + .state')"
change_site '.disk_layouts[0].disks.protect = []'
"$orthrus" site apply --yes >/dev/null || fail "site apply"

# Something lies on a disk now that was not there when the order was given: nobody approved its loss.
"$orthrus" node boot n02 --net --yes >/dev/null || fail "boot n02 --net"
order n02 $mac2 B
hello $mac2 "$(machine $mac2 B | jq -c '.disks[1].found = ["ext4 \u0027home\u0027"]')"
[ "$(value '.action + " " + (.order | tostring)')" != install ] && [ "$(value '.order')" = null ] || fail "data that was not shown would be erased: $(cat "$body")"
[ "$(node_value n02 '.state + " " + (.order | tostring)')" = 'installed false' ] || fail "after that: $(node_value n02 .state)"
node_value n02 .error | grep -q 'not as they were when the order was given' || fail "the reason is $(node_value n02 .error)"
# How a failed test is worded does not matter.
bad() { machine $mac2 B 3 | jq -c --arg t "$1" '.disks[2].bad = $t'; }
hello $mac2 "$(bad 'reading at byte 0 took 3.1 s')"; want 200 'hello with a bad disk'
"$orthrus" node install n02 --yes >"$work/out" 2>&1 || fail "install n02 with a bad disk: $(cat "$work/out")"
hello $mac2 "$(bad 'reading at byte 0 took 2.9 s')"; token=$who report=$who
[ "$(value .action)" = install ] || fail "other words for the same bad disk stop an installation: $(cat "$body")"
id=$(value .order.install_id)
# Until the first step that writes, what runs there is whole: a failure gives it back.
event "$token" "$id" 1 disk-test begin; want 200 'disk-test'
[ "$(node_value n02 .state)" = ordered ] || fail "reading the disks makes n02 $(node_value n02 .state)"
event "$token" "$id" 2 disk-test failed '{"error":"disk B1 is bad"}'; want 200 'disk-test failed'
[ "$(node_value n02 '.state + "|" + .error')" = 'installed|disk B1 is bad' ] || fail "a failed test of disks makes n02 $(node_value n02 '.state + "|" + .error')"

# What is installed and did not report yet may still do so while an order stands, and after that was withdrawn.
order n01 $mac1 A
for step in disk-test wipe boot-loader; do event "$token" "$id" $((++n + 90)) $step begin; done
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\",\"report\":{\"esp_uuid\":\"AAAA-0001\"}}"; want 200 'done of n01'
first_id=$id first_report=$report
order n01 $mac1 A
imager "$first_report" POST /v1/imager/booted "{\"install_id\":\"$first_id\",\"root\":\"v\",\"esp\":\"AAAA-0002\"}"; want 200 'a first report beside an order'
"$orthrus" node boot n01 --disk --yes >/dev/null || fail "withdraw"
[ "$(node_value n01 '.state + " " + .booted.root')" = 'up v' ] || fail "after a first report and a withdrawal: $(node_value n01 .state)"
imager "$first_report" POST /v1/imager/booted "{\"install_id\":\"$first_id\",\"root\":\"v\",\"esp\":\"AAAA-0003\"}"; want 200 'a report of another partition'
for _ in $(seq 600); do grep -q 'AAAA-0003' "$root/srv/orthrus/tftp/grub/nodes/$mac1.cfg" && break; sleep 0.1; done
grep -q -- '--fs-uuid --set=root AAAA-0003' "$root/srv/orthrus/tftp/grub/nodes/$mac1.cfg" || fail "the reported partition is not in GRUB's file"
imager "$report" POST /v1/imager/booted "{\"install_id\":\"$id\"}"; want 409 'the report of what was withdrawn'

# Given up in the middle, it boots all the same: that is told.
order n01 $mac1 A
event "$token" "$id" 1 wipe begin; want 200 'wipe'
"$orthrus" node boot n01 --disk --force --yes >/dev/null || fail "withdraw by force"
events=$("$orthrus" event list | grep -c 'though its installation failed')
imager "$report" POST /v1/imager/booted "{\"install_id\":\"$id\"}"; want 409 'booted after it was given up'
[ "$("$orthrus" event list | grep -c 'though its installation failed')" = $((events + 1)) ] || fail "nobody is told that a given-up installation runs"

hello $mac1 "$(machine $mac1 A)"; token=$who
event "$token" "$id" 1 unmount failed '{"error":"withdrawn","hint":"its disks may still boot"}'; want 200 'what the machine says afterwards'
"$orthrus" event list | grep -q 'n01: after its installation was over: withdrawn; its disks may still boot' || fail "nobody is told what a given-up machine says"
[ "$(node_value n01 .state)" = failed ] || fail "what is said afterwards makes n01 $(node_value n01 .state)"

# Another machine under the name: nothing of the old one is believed.
order n01 $mac1 A
event "$token" "$id" 1 wipe begin; want 200 'wipe'
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\"}"; want 200 'done'
"$orthrus" node set n01 --mac 52:54:00:00:00:31 --yes >"$work/out" || fail "set another MAC"
grep -q 'forget the inventory and the installation' "$work/out" || fail "the plan of another MAC is $(cat "$work/out")"
[ "$(node_value n01 '.state + " " + (.installed_image | tostring)')" = 'new null' ] || fail "another machine is $(node_value n01 .state)"
hello 52:54:00:00:00:31 "$(machine 52:54:00:00:00:31 Q)"
[ "$(value .action)" = wait ] || fail "another machine is told $(value .action)"
# Its imager can't be made (the image has no kernel): it stays on its disk, as the event says, and does not wait for ever.
grep -q 'still preparing' "$root/srv/orthrus/tftp/grub/nodes/52:54:00:00:00:31.cfg" && fail "a node waits for an imager that can't be made"
[ "$failed" = 0 ] && echo ok
exit $failed
