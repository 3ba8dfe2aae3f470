#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What was asked is done and kept, but the files that nodes boot from can't be written: every command says it, with the next step,
# and exits with 1; `head status` says it until it is over.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
m=52:54:00:00:00
dir=$root/srv/orthrus/tftp/grub/nodes

break_netboot() { mv "$dir" "$dir.away" && : >"$dir"; }
mend_netboot() { rm "$dir" && mv "$dir.away" "$dir"; }
# behind TEXT -- WORDS...: done, and said to be behind; with --json the document says it, and nothing else does
behind() {
    local text=$1 rc
    shift 2
    "$orthrus" "$@" >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    [ $rc = 1 ] || fail "orthrus $*: exit $rc, not 1: $(cat "$work/out" "$work/err")"
    grep -q "^orthrus: $text" "$work/err" || fail "orthrus $*: '$text' is not said: $(cat "$work/out" "$work/err")"
    [ "$(grep -c '^orthrus: ' "$work/err")" = 1 ] || fail "orthrus $*: said several times: $(cat "$work/err")"
    grep -q '^  next: `orthrus head status`' "$work/err" || fail "orthrus $*: no next step: $(cat "$work/err")"
    grep -q 'does not follow\|applied, but' "$work/out" && fail "orthrus $*: the problem stands among the steps: $(cat "$work/out")"
}
behind_json() { # FILTER -- WORDS...
    local filter=$1 rc
    shift 2
    "$orthrus" "$@" --json >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    [ $rc = 1 ] || fail "orthrus $* --json: exit $rc, not 1: $(cat "$work/out" "$work/err")"
    [ -s "$work/err" ] && fail "orthrus $* --json writes to standard error: $(cat "$work/err")"
    jq -es "length == 1 and (.[0] | $filter)" "$work/out" >/dev/null || fail "orthrus $* --json: not '$filter': $(cat "$work/out")"
}
step='[.steps[] | select(.name == "problem")] | length == 1'

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add n01 --mac $m:01 --group compute >/dev/null || die "node add"
# An image that lacks, and is there: the daemon is told, and says so.
for _ in $(seq 600); do "$orthrus" event list | grep -q 'image compute is not in the store' && break; sleep 0.1; done
tiny_image compute
[ -s "$work/err" ] && grep '^orthrus: ' "$work/err" && fail "image build beside a daemon"
"$orthrus" event list | grep -A 99 'image compute is not in the store' | grep -q 'image compute is in the store now: compute/' ||
    fail "the last word is that compute lacks: $("$orthrus" event list)"
api GET /v1/status
[ "$(value '.payloads | length')" = 1 ] || fail "the daemon did not look for the new image: $(cat "$body")"
api POST /v1/images/look '{"image":"nothing"}'; want 404 'look for an image that is not there'
api POST /v1/images/look '{}'; want 400 'look for nothing'
port=$(tls_port)
hello $m:01 "$(machine $m:01 A)"; want 200 hello
settle
before=$(digest)
imager '' POST /v1/images/look '{"image":"compute"}'; want 403 'look, asked by somebody from the network'
[ "$before" = "$(digest)" ] || fail "somebody from the network made the daemon look"
# The imager of an image without a kernel can't be made: the status says it, and what to do.
"$orthrus" head status >"$work/out" || fail "head status: exit $?"
grep -q '^problem  nodes with image compute/.* stay on their disks' "$work/out" || fail "no failed imager in: $(cat "$work/out")"
grep -q '^  next: .*orthrus image build compute$' "$work/out" || fail "no next step in: $(cat "$work/out")"

break_netboot
not='done, but network boot does not follow yet: '
behind "$not" -- node add n02 --mac $m:02 --group compute
behind_json "$step" -- node add n03 --mac $m:03 --group compute
behind "$not" -- node set 'n[02-03]' --serial box
behind_json "$step" -- node set 'n[02-03]' --serial other
behind "$not" -- node boot n02 --net
behind 'ordered, but network boot does not follow yet: ' -- node install n01 --yes --wait
grep -q '^ordered: n01' "$work/out" || fail "the order is not said: $(cat "$work/out")"
[ "$(node_value n01 .state)" = ordered ] || fail "n01 is $(node_value n01 .state)"
behind "$not" -- node boot n01 --disk
behind_json '.problem and .ordered' -- node install n01 --yes --wait
behind "$not" -- node remove 'n[02-03]' --yes
[ "$("$orthrus" node list --json | jq -c '[.nodes[].name]')" = '["n01"]' ] || fail "what was asked is not done"
jq '.time.zone = "Europe/Berlin"' "$root/etc/orthrus/site.json" >"$work/site" && cp "$work/site" "$root/etc/orthrus/site.json"
"$orthrus" site plan >"$work/out" 2>"$work/err" || fail "site plan when a directory can't be read: $(cat "$work/err")"
grep -q "remove what is nobody's any more from $dir (it can't be read now: " "$work/out" || fail "the plan hides what it can't read: $(cat "$work/out")"
behind 'applied, but: ' -- site apply --yes
"$orthrus" node add n04 --mac $m:04 --group compute >/dev/null 2>&1
"$orthrus" head status >"$work/out" || fail "head status: exit $?"
grep -q '^problem  network boot does not follow the state: ' "$work/out" || fail "no problem in: $(cat "$work/out")"

tree=$work/tree
behind 'the image is in the store, but network boot does not follow yet: ' -- image build compute --from "$tree"
behind_json '.image and (.problem | test("does not follow"))' -- image build compute --from "$tree" --quiet

mend_netboot
"$orthrus" node set n04 --serial box >"$work/out" 2>&1 || fail "when it follows again: $(cat "$work/out")"
"$orthrus" head status | grep 'does not follow' && fail "head status still says a problem"

# Without a daemon, gone by itself or killed, nothing is told and nothing is missed.
for signal in KILL TERM; do
    stop_daemon $signal
    "$orthrus" image build compute --from "$tree" >"$work/out" 2>"$work/err" || fail "image build after SIG$signal: $(cat "$work/err")"
    grep '^orthrus: ' "$work/err" && fail "image build without a daemon complains"
    [ $signal = TERM ] || { [ -S "$sock" ] || fail "no socket is left: nothing was tested"; start_daemon; }
done
[ "$failed" = 0 ] && echo ok
exit $failed
