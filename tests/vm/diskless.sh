#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# A BIOS machine without any disk runs its image from memory: up, reached by ssh with the head's certificate, with its secrets; what
# is written is gone at the next start. Then the rescue system, once, and its image again.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

lab_begin
cluster_head
lab_vm_new 1 bios 1G
cluster_add 1
orthrus node boot n01 --diskless --plan
orthrus node boot n01 --diskless
lab_until 600 "its image is a squashfs" grep -q 'mode=diskless' "$W/head/srv/orthrus/tftp/grub/nodes/$(lab_mac 1).cfg"
lab_say "squashfs: $(du -m "$W"/head/srv/orthrus/diskless/*.squashfs | cut -f1) MiB"
boot() { # WHAT
    lab_vm_on 1 none
    lab_wait 1 'orthrus-imager: n01 starts from memory' 600
    lab_wait 1 'orthrus-booted: n01 ' 600
    lab_until 300 "n01 is up" node_is n01 up
    lab_until 300 "n01 answers" orthrus node exec n01 --connect-timeout 10 -- true
    lab_say "n01 runs from memory: $1"
}
boot "the first time"
run() { orthrus node exec n01 --connect-timeout 20 -- "$@"; }
[ "$(orthrus node show n01 --json | jq -r .booted.root)" = memory ] || lab_fail "it says: $(orthrus node show n01 --json | jq -c .booted)"
run 'findmnt -n -o FSTYPE /; hostname -f; systemctl is-system-running --wait; lsblk -d -n -o TYPE' > "$W/out" 2>&1 || true
grep -q overlay "$W/out" && grep -q n01.lab.internal "$W/out" && grep -q running "$W/out" || lab_fail "the system: $(cat "$W/out"; run 'systemctl --failed' 2>&1)"
! grep -q '\bdisk\b' "$W/out" || lab_fail "there is a disk: $(cat "$W/out")"
run 'echo kept >/root/kept && sync' > "$W/out" 2>&1 || lab_fail "nothing can be written: $(cat "$W/out")"
orthrus node install n01 --yes > "$W/out" 2>&1 && lab_fail "a node without disks is installed"
grep -q 'runs without disks' "$W/out" || lab_fail "refused otherwise: $(cat "$W/out")"
lab_vm_cut 1

orthrus node boot n01 --rescue
lab_vm_on 1 none
lab_wait 1 'rescue: the system of n01 is ready' 600
run cat /etc/motd > "$W/out" 2>&1 || lab_fail "rescue: $(cat "$W/out")"
grep -q 'rescue system of n01' "$W/out" && grep -q 'No disk was found' "$W/out" || lab_fail "rescue: $(cat "$W/out")"
lab_say "the rescue system answers by certificate"
lab_vm_cut 1

boot "after the rescue"
run 'test ! -e /root/kept' > "$W/out" 2>&1 || lab_fail "what was written is still there: $(cat "$W/out")"
echo "RESULT diskless up=2 rescue=1 kept=0 squashfs_mib=$(du -m "$W"/head/srv/orthrus/diskless/*.squashfs | cut -f1)"
