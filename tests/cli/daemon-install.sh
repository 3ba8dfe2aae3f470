#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An installation as the head sees it: curl plays two machines. Done exactly once, whoever dies in between; strangers change nothing.
set -u
. "$TOP/tests/cli/daemon.bash"
mac1=52:54:00:00:00:01 mac2=52:54:00:00:00:02

event() { # TOKEN INSTALL_ID SEQ STEP EVENT [MORE-JSON]
    local more=${6:-}
    [ -n "$more" ] || more='{}'
    imager "$1" POST /v1/imager/event "$(jq -cn --arg i "$2" --argjson q "$3" --arg s "$4" --arg e "$5" --argjson m "$more" \
        '{install_id:$i, seq:$q, step:$s, event:$e} + $m')"
}
# nothing_changed STATUS TEXT: after a request, with the digest from before in $before
nothing_changed() { want "$1" "$2"; [ "$before" = "$(digest)" ] || fail "$2: the state changed"; }
says() { # MAC SERIAL-PREFIX [DISKS]; sets $token
    hello "$1" "$(machine "$@")"
    want 200 "hello of $1"
    token=$who
}
grub_of() { cat "$root/srv/orthrus/tftp/grub/nodes/$1.cfg"; }

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
"$orthrus" node add 'n[01-02]' --mac $mac1,$mac2 --group compute >/dev/null || die "node add"
port=$(tls_port)
settle

# Strangers, and machines that lie.
before=$(digest)
for path in hello event done booted; do imager '' POST /v1/imager/$path "$(machine $mac1 A)"; nothing_changed 403 "$path without a certificate"; done
imager '' GET /v1/imager/orders; nothing_changed 403 'orders without a certificate'
hello $mac1 "$(machine $mac1 A)"; want 200 'hello'
"$orthrus" node set n01 --mac 52:54:00:00:00:98 --yes >/dev/null && "$orthrus" node set n01 --mac $mac1 --yes >/dev/null || fail "another machine, and the first again"
before=$(digest)
imager $mac1 GET /v1/imager/orders; nothing_changed 403 'a machine that was replaced'
enrol $mac1 "$(machine $mac1 A)"; want 200 'enrolled again'
before=$(digest)
for said in '' '{}' '[]' '{"mac":"52:54:00:00:00:01"}' "$(machine $mac1 A | jq -c '.disks[0].size_bytes = -1')" \
    "$(machine $mac1 A | jq -c '.firmware = "coreboot"')" "$(machine $mac1 A | jq -c '.admin = true')" \
    "$(machine $mac1 A | jq -c '.disks[0].size_bytes = "5G"')" "$(machine $mac1 A | jq -c '.mac = "ff:ff:ff:ff:ff:ff"')" \
    "$(machine $mac1 A | jq -c '.dmi.serial = ("x" * 1000)')" "$(machine $mac1 A | jq -c '.disks = [range(2000) | {}]')"; do
    imager $mac1 POST /v1/imager/hello "$said"
    nothing_changed 400 "hello $(echo "$said" | head -c 100)"
done
machine $mac1 A | jq -c '.nics = [range(9000) | {name:"eth0", mac:"52:54:00:00:00:01"}]' >"$work/big"
imager $mac1 POST /v1/imager/hello @"$work/big"
nothing_changed 413 'a hello of 400 KB'

# hello: known from now on, waits.
says $mac1 A; token1=$token
[ "$(value '[.node, .action, .order] | tojson')" = '["n01","wait",null]' ] || fail "first hello: $(cat "$body")"
[ "$(node_value n01 .state)" = ready ] || fail "n01 is $(node_value n01 .state) after its hello"
[ "$(node_value n01 '.machine.disks[1].serial')" = A1 ] || fail "n01's disks are not known"

# The plan names each disk by model, serial and size; it changes nothing; then the order reaches the machine that waits for it.
before=$(digest)
"$orthrus" node install n01 --plan >"$work/out" 2>&1 || fail "install --plan: $(cat "$work/out")"
[ "$before" = "$(digest)" ] || fail "install --plan changed the state"
for s in A0 A1 'QEMU HARDDISK' '6 GiB'; do grep -qF "$s" "$work/out" || fail "the plan does not say $s: $(cat "$work/out")"; done
api POST /v1/install '{"nodes":["n01"],"plan":true}'; want 200 'plan by the API'
shown=$(value '.nodes[0].digest')
# Another machine's disks since then: not what was shown.
hello $mac1 "$(machine $mac1 B)"; token1=$who
before=$(digest)
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":{\"n01\":\"$shown\"}}"; nothing_changed 409 'disks that were not shown'
# The same disks, but something lies on one of them now.
hello $mac1 "$(machine $mac1 A | jq -c '.disks[1].found = ["ext4"]')"; want 200 'hello with data'
before=$(digest)
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":{\"n01\":\"$shown\"}}"; nothing_changed 409 'data that was not shown'
says $mac1 A; token1=$token
before=$(digest)
for said in '' ',"digests":{}' ',"accept_disks_unseen":true' ',"digests":{"n02":"0"}'; do
    api POST /v1/install "{\"nodes\":[\"n01\"]$said}"; nothing_changed 403 "an order of what was not shown: $said"
    body_has 'orthrus node install n01 --plan' 'the hint'
done
( body=$work/poll-body; imager "$token1" GET '/v1/imager/orders?wait=30'; echo "$status $(value '.action + " " + .order.install_id')" >"$work/poll" ) &
poll=$!
sleep 0.5
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":{\"n01\":\"$shown\"}}"; want 200 'install'
id=$(value '.nodes[0].install_id')
wait $poll
read -r poll_status action got_id <"$work/poll"
[ "$poll_status $action $got_id" = "200 install $id" ] || fail "the waiting machine was told: $(cat "$work/poll")"
[ "$(node_value n01 .state)" = ordered ] || fail "n01 is $(node_value n01 .state) after the order"

# What must not happen while it is ordered.
before=$(digest)
api POST /v1/install '{"nodes":["n01"]}'; nothing_changed 403 'a second order'
api DELETE /v1/nodes/n01; nothing_changed 403 'removal of a node with an order'
api PATCH /v1/nodes/n01 '{"ipv4":"10.77.0.99"}'; nothing_changed 403 'another address during an installation'
api POST /v1/boot '{"nodes":["n01"],"target":"net"}'; nothing_changed 403 'another boot target during an installation'
api POST /v1/install '{"nodes":["n02","n01"],"accept_disks_unseen":true}'; nothing_changed 403 'one of two can not be ordered: none is'
event "$token1" 00000000000000000000000000000000 1 wipe begin; nothing_changed 409 'an event of another installation'
imager "$token1" POST /v1/imager/done '{"install_id":"00000000000000000000000000000000"}'; nothing_changed 409 'the end of another installation'
event "$token1" "$id" 0 wipe begin; nothing_changed 400 'sequence number 0'
event "$token1" "$id" 1 wipe explode; nothing_changed 400 'an unknown event'
event "$token1" "$id" 1 wipe progress '{"percent":101}'; nothing_changed 400 '101 percent'
event "$token1" "$id" 1 '' begin; nothing_changed 400 'a step without a name'
imager "$token1" POST /v1/imager/booted "{\"install_id\":\"$id\"}"; nothing_changed 409 'booted before it is installed'

# The order can be withdrawn while nobody has begun.
"$orthrus" node boot n01 --disk --plan >"$work/out" 2>&1 || fail "boot --plan: $(cat "$work/out")"
[ "$before" = "$(digest)" ] || fail "boot --plan changed the state"
api POST /v1/boot '{"nodes":["n01"],"target":"disk"}'; want 200 'withdraw'
[ "$(node_value n01 .state) $(node_value n01 .order)" = 'ready false' ] || fail "after withdrawal: $(node_value n01 .state)"
event "$token1" "$id" 1 wipe begin; want 409 'an event after withdrawal'
says $mac1 A; token1=$token
[ "$(value .action)" = disk ] || fail "a node set to its disk is told $(value .action)"

# Once more, for good: a restart of the head at every moment loses nothing that was acknowledged.
shown_of n01
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":$shown}"; want 200 'install again'
id=$(value '.nodes[0].install_id')
[ "$(node_value n01 .boot)" = auto ] || fail "the order does not win over the chosen boot target"
kill_and_start() { stop_daemon KILL; start_daemon; port=$(tls_port); }
kill_and_start
says $mac1 A; token1=$token
[ "$(value '.action + " " + .order.install_id')" = "install $id" ] || fail "after a kill the order is $(cat "$body")"
seq=0
for step in disk-test wipe partition restore host-files boot-loader verify; do
    seq=$((seq + 1)); event "$token1" "$id" $seq $step begin '{"text":"doing it"}'; want 200 "begin $step"
    [ $step != restore ] || for p in 10 50 90; do
        seq=$((seq + 1)); event "$token1" "$id" $seq restore progress "{\"percent\":$p}"; want 200 "progress $p"
        [ "$(node_value n01 .percent)" = $p ] || fail "percent is $(node_value n01 .percent), not $p"
    done
    [ $step != wipe ] || { kill_and_start; [ "$(node_value n01 '.state + " " + .step')" = 'installing wipe' ] || fail "lost: $(node_value n01 .step)"; }
    seq=$((seq + 1)); event "$token1" "$id" $seq $step 'done'; want 200 "done $step"
done
[ "$(node_value n01 '[.steps[] | .name + "=" + .result] | join(" ")')" = \
    'disk-test=done wipe=done partition=done restore=done host-files=done boot-loader=done verify=done' ] || fail "steps: $(node_value n01 '.steps')"
# Said twice because an answer was lost: nothing new.
before=$(digest)
event "$token1" "$id" $seq verify 'done'; nothing_changed 200 'the last event again'
event "$token1" "$id" 1 disk-test begin; nothing_changed 200 'the first event again'
api POST /v1/boot '{"nodes":["n01"],"target":"disk"}'; nothing_changed 403 'withdrawal when it is under way'
api DELETE /v1/nodes/n01; nothing_changed 403 'removal when it is under way'

# The end: the order is gone and the boot files are switched when 200 is heard, once and for all.
imager "$token1" POST /v1/imager/done "{\"install_id\":\"$id\",\"report\":{\"seconds\":12}}"; want 200 'done'
[ "$(value .action)" = disk ] || fail "done answers $(cat "$body")"
[ "$(node_value n01 .state) $(node_value n01 .order)" = 'installed false' ] || fail "after done: $(node_value n01 .state)"
grub_of $mac1 >"$work/grub-disk"
before=$(digest)
imager "$token1" POST /v1/imager/done "{\"install_id\":\"$id\",\"report\":{\"seconds\":12}}"; nothing_changed 200 'done again'
event "$token1" "$id" 99 verify begin; nothing_changed 409 'an event after the end'
nodes=$("$orthrus" node list --json)
stop_daemon KILL
cmp -s "$work/grub-disk" <(grub_of $mac1) || fail "GRUB's file changed"
start_daemon; port=$(tls_port)
[ "$nodes" = "$("$orthrus" node list --json)" ] || fail "a kill after done changed the state"
cmp -s "$work/grub-disk" <(grub_of $mac1) || fail "after a restart n01 is told something else than its disk"
says $mac1 A; token1=$token
[ "$(value '.action')" = disk ] || fail "an installed node that netboots is told $(value .action)"
booted="{\"install_id\":\"$id\",\"root\":\"uuid-1\",\"mdstat\":\"Personalities : [raid1]\\nmd127\\u0007 : active\",\"kernel\":\"6.1.0\",\"boot_id\":\"b1\",\"os\":\"bookworm\"}"
imager "$token1" POST /v1/imager/booted "$booted"; want 200 'booted'
[ "$(node_value n01 '.state + " " + .booted.root + " " + .booted.os')" = 'up uuid-1 bookworm' ] || fail "after the first boot: $(node_value n01 .booted)"
before=$(digest)
imager "$token1" POST /v1/imager/booted "$booted"; nothing_changed 200 'booted again'
imager "$token1" POST /v1/imager/booted '{"install_id":"00000000000000000000000000000000"}'; nothing_changed 409 'booted from another installation'
n=$(curl -s --unix-socket "$sock" 'http://x/v1/events?since=0' | jq '[.events[] | select(.kind == "node-installed")] | length')
[ "$n" = 1 ] || fail "n01 was installed $n times"

"$orthrus" node install n01 --plan >"$work/out" 2>&1 || fail "install --plan of a node that is up"
grep -q 'it is up now: the system there and all data' "$work/out" && grep -q 'its disks as it told at 20' "$work/out" ||
    fail "the plan of a node that is up does not say what is lost, and how old it is: $(head -5 "$work/out")"
# A yes that was given to another plan orders nothing; the plan as it is may be asked for again.
seen=$(sed -n 's/^as shown: //p' "$work/out")
[ ${#seen} = 16 ] || fail "the plan has no digest: $(tail -n 2 "$work/out")"
"$orthrus" node install n01 --as-shown 0123456789abcdef --yes >"$work/out" 2>&1 && fail "another plan than the one that was shown is ordered"
grep -q 'not the one that was shown any more' "$work/out" || fail "--as-shown with a wrong digest: $(cat "$work/out")"
[ "$(node_value n01 .state)" = up ] || fail "n01 is $(node_value n01 .state) after a refused order"
"$orthrus" node install n01 --as-shown "$seen" --plan >"$work/out" 2>&1 || fail "--as-shown with the right digest: $(cat "$work/out")"

# The node refuses an order before its first step: it is what it was, with the reason; its disk is booted and its image kept.
says $mac1 A; token1=$token
image=$(node_value n01 .installed_image)
"$orthrus" node install n01 --yes >"$work/out" 2>&1 || fail "install over n01: $(cat "$work/out")"
imager "$token1" GET /v1/imager/orders; id=$(value .order.install_id)
event "$token1" "$id" 1 plan failed '{"error":"not these disks","hint":"look again"}'; want 200 'a refusal by the node'
[ "$(node_value n01 '[.state, .error, .hint, .order, .installed_image, .booted.root] | map(tostring) | join("|")')" = "up|not these disks|look again|false|$image|uuid-1" ] ||
    fail "after a refusal: $(node_value n01 .)"
before=$(digest)
event "$token1" "$id" 1 plan failed '{"error":"not these disks"}'; nothing_changed 200 'the refusal again'
imager "$token1" POST /v1/imager/done "{\"install_id\":\"$id\"}"; nothing_changed 409 'the end of what was refused'
imager "$token1" POST /v1/imager/booted "{\"install_id\":\"$id\",\"root\":\"x\"}"; nothing_changed 409 'the first boot of what was refused'
api GET "/v1/image-users/$image"; body_has 'runs it' "n01's image is not kept"
imager "$token1" GET /v1/imager/orders
[ "$(value .action)" = disk ] || fail "after a refusal n01 is told $(value .action)"

# A failure: said, ordered no more, and the machine waits in the imager.
says $mac2 C; token2=$token
"$orthrus" node install n02 --yes >"$work/out" 2>&1 || fail "install n02: $(cat "$work/out")"
imager "$token2" GET /v1/imager/orders; want 200 'orders of n02'
id=$(value .order.install_id)
event "$token2" "$id" 1 plan failed '{"error":"not these disks"}'; want 200 'a refusal by n02'
[ "$(node_value n02 '[.state, .error, .installed_image, .order] | map(tostring) | join("|")')" = 'failed|not these disks|null|false' ] || fail "n02 refused: $(node_value n02 .)"
says $mac2 C; token2=$token
"$orthrus" node install n02 --yes >"$work/out" 2>&1 || fail "install n02 after it refused: $(cat "$work/out")"
imager "$token2" GET /v1/imager/orders; id=$(value .order.install_id)
event "$token2" "$id" 1 wipe begin; want 200 'begin of n02'
event "$token2" "$id" 2 wipe failed '{"error":"disk C1 does not answer","hint":"replace it"}'; want 200 'failed of n02'
[ "$(node_value n02 '.state + "|" + .error + "|" + .hint')" = 'failed|disk C1 does not answer|replace it' ] || fail "n02: $(node_value n02 .error)"
[ "$(node_value n02 .order)" = false ] || fail "a failed installation is still ordered"
event "$token2" "$id" 2 wipe failed '{"error":"disk C1 does not answer"}'; want 200 'failed again'
says $mac2 C; token2=$token
[ "$(value .action)" = wait ] || fail "after a failure n02 is told $(value .action)"
[ "$(node_value n01 .state)" = up ] || fail "n02's failure touched n01"

# An abandoned installation is given up by force only; a node's serial number, when it is set, must be the machine's.
"$orthrus" node install n02 --yes >/dev/null 2>&1 || fail "install n02 again"
imager "$token2" GET /v1/imager/orders; id=$(value .order.install_id)
event "$token2" "$id" 7 wipe begin; want 200 'begin again'
api POST /v1/boot '{"nodes":["n02"],"target":"disk","force":true}'; want 200 'withdrawal by force'
[ "$(node_value n02 .state)" = failed ] || fail "a half-erased node is $(node_value n02 .state)"
api PATCH /v1/nodes/n02 '{"serial":"D-box"}'; want 200 'set serial'
before=$(digest)
hello $mac2 "$(machine $mac2 C)"; nothing_changed 403 'a machine with another serial number'
says $mac2 D
# Another mainboard: the old machine's disks are forgotten.
api PATCH /v1/nodes/n02 '{"macs":["52:54:00:00:00:22"]}'; want 200 'set macs'
[ "$(node_value n02 .machine)" = null ] || fail "the inventory of another machine is still n02's"
api DELETE /v1/nodes/n01; want 200 'remove'
imager "$token1" GET /v1/imager/orders; want 403 "a removed node's orders"
imager "$token1" POST /v1/imager/booted "$booted"; want 403 "a removed node's report"
hello $mac1 "$(machine $mac1 A)"; want 403 'a removed machine'
dump=$(grep -c . "$work/log")
[ "$dump" -gt 0 ] || fail "the daemon logs nothing"
[ "$failed" = 0 ] && echo ok
exit $failed
