#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# The rescue system of a UEFI machine with two disks: reached by ssh with the head's certificate, by nothing else; disks that refuse
# writes until they are let go; a shell on the console; once.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

lab_begin
cluster_head
lab_vm_new 1 uefi 1G
cluster_add 1
orthrus node boot n01 --rescue
lab_until 300 "its boot file says rescue" grep -q rescue.img "$W/head/srv/orthrus/tftp/grub/nodes/$(lab_mac 1).cfg"
lab_vm_on 1
lab_wait 1 'rescue: the system of n01 is ready' 600
lab_say "n01 runs the rescue system"
rescue() { orthrus node exec n01 --connect-timeout 20 -- "$@"; }
rescue 'cat /etc/hostname; mdadm --version; e2fsck -V' > "$W/out" 2>&1 || lab_fail "node exec: $(cat "$W/out")"
grep -q 'n01' "$W/out" && grep -q 'E2FSPROGS\|e2fsck' "$W/out" || lab_fail "node exec says $(cat "$W/out")"
lab_say "node exec reaches it by the cluster's authority"
# Not a byte goes to a disk before it is let go.
rescue 'dd if=/dev/zero of=/dev/vda bs=4096 count=1 conv=fsync' > "$W/out" 2>&1 && lab_fail "a disk could be written: $(cat "$W/out")"
rescue 'blockdev --setrw /dev/vda && dd if=/dev/zero of=/dev/vda bs=4096 count=1 conv=fsync' > "$W/out" 2>&1 || lab_fail "a disk can't be let go: $(cat "$W/out")"
# Nobody else gets in: no password is asked, another key is refused.
ssh-keygen -q -t ed25519 -N '' -f "$W/stranger"
head_run ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -i "$W/stranger" \
    "root@$(orthrus node show n01 --json | jq -r .ipv4)" true > "$W/out" 2>&1 && lab_fail "a stranger gets in"
grep -q 'Permission denied (publickey)' "$W/out" || lab_fail "a stranger is refused otherwise: $(cat "$W/out")"
[ "$(orthrus node show n01 --json | jq -r '.rescue // "over"')" = over ] || lab_fail "it is not over"
# The console's shell.
printf 'echo shell-$((6 * 7))\n' | socat - "UNIX-CONNECT:$W/vm/1.sock" > /dev/null
lab_wait 1 'shell-42' 30
lab_say "a shell answers on the console"
rescue reboot > /dev/null 2>&1 || true
lab_wait 1 'leaving the rescue system: reboot' 60
lab_wait 1 'waiting for orders' 300
lab_say "it left, and boots again what it did before"
echo "RESULT rescue reached=1 written_unasked=0 strangers=0 once=1"
