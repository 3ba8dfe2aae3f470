#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What follows a change at once: a machine's "done" is answered when its next netboot leads to its disk and not before, and a node's
# MAC addresses count from the moment they are written.
set -u
. "$TOP/tests/cli/daemon.bash"
mac1=52:54:00:00:00:01 mac2=52:54:00:00:00:02 mac3=52:54:00:00:00:03

says() { # MAC STATUS TEXT
    hello "$1" "$(machine "$1" A)"; want "$2" "$3"
}

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
"$orthrus" node add n01 --mac $mac1 --group compute >/dev/null || die "node add"
port=$(tls_port)
settle

# The daemon has looked for a MAC address, so it knows all that there are: others come, change and go.
says $mac2 200 'a machine that nobody added'
[ "$(value .state)" = pending ] || fail "a machine that nobody added: $(cat "$body")"
"$orthrus" node add n02 --mac $mac2 --group compute >/dev/null || fail "node add n02"
says $mac2 200 'a machine that was added after it asked first'
[ "$(value .node)" = n02 ] || fail "$mac2 is $(value .node)"
"$orthrus" node set n02 --mac $mac3 --yes >/dev/null || fail "node set n02 --mac"
says $mac2 403 'the machine that n02 was'
says $mac3 200 'the MAC address that n02 got'
"$orthrus" node remove n02 --yes >/dev/null || fail "node remove n02"
says $mac3 403 'a machine that was removed'

# Its GRUB file can't be written: "done" is not answered as if it were, for the machine would install itself again.
says $mac1 200 'hello of n01'
token=$who
"$orthrus" node install n01 --yes >"$work/out" 2>&1 || fail "install: $(cat "$work/out")"
imager "$token" GET /v1/imager/orders; want 200 'orders'
id=$(value .order.install_id)
imager "$token" POST /v1/imager/event "{\"install_id\":\"$id\",\"seq\":1,\"step\":\"wipe\",\"event\":\"begin\"}"; want 200 'begin'
grub=$root/srv/orthrus/tftp/grub/nodes/$mac1.cfg
mv "$grub" "$work/grub.cfg" && mkdir -p "$grub/x" || die "no GRUB file of n01"
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\"}"; want 500 'done while the GRUB file stays'
body_has 'network boot does not follow' 'done while the GRUB file stays'
rm -r "$grub" && echo stale >"$grub"
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\"}"; want 200 'done, said again'
grep -q 'going on to the disk' "$grub" || fail "after done n01's GRUB file is: $(cat "$grub")"
[ "$(node_value n01 '.state + " " + (.order | tostring)')" = 'installed false' ] || fail "after done n01 is $(node_value n01 .state)"
[ "$failed" = 0 ] && echo ok
exit $failed
