#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# n01: the head is killed and started again in the middle of the installation; nothing is lost. n02: one disk fails to write; the node says which
# disk and which step, nothing boots from it; after the disk was changed for a good one it installs over what the first attempt left.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

lab_begin
cluster_head
lab_vm_new 1 bios 4G
lab_vm_new 2 uefi 4G
cluster_add 1 2
lab_vm_bad_sectors 2 b 1228800 2252800 8192 # one each 4 MiB from 600 MiB on, in the root array: where files go is the file system's choice
lab_vm_on 1
lab_vm_on 2
cluster_discover 1 2
cluster_order 1 2

lab_wait 1 'orthrus-imager:.*\] restore.* [2-9][0-9] ?%' "$CLUSTER_T"
lab_head_kill
lab_say "the head was killed during n01's restore"
lab_head_start
lab_say "the head is back"

n02_over() { node_is n02 "failed installed up"; }
lab_until "$CLUSTER_T" "n02 reports its failing disk" n02_over
node_is n02 failed || lab_fail "n02 is $(node_state n02), though its disk fails to write"
orthrus node show n02 > "$W/n02.txt"
grep -q 'LAB2b' "$W/n02.txt" || { cat "$W/n02.txt"; lab_fail "n02's failure does not name the disk with serial LAB2b"; }
lab_say "n02 failed as it must: $(orthrus node show n02 --json | jq -r .error)"
lab_vm_cut 2
lab_vm_on 2 ab nonet
lab_wait 2 'No bootable (device|option)|Linux version|GRUB|grub' 180
if grep -aqE 'Linux version|GRUB|grub' "$W/vm/2.serial"; then lab_fail "a failed installation booted"; fi
lab_vm_cut 2

# The same machine with a good second disk; the old arrays' remains are on both and must be said in the plan.
lab_vm_mend 2 b
lab_vm_on 2
lab_wait 2 'waiting for orders' 600
orthrus node install n02 --plan > "$W/plan2.txt"
grep -qi 'md' "$W/plan2.txt" || { cat "$W/plan2.txt"; lab_fail "the plan does not say that old arrays are on the disks"; }
orthrus node install n02 --yes

lab_until "$CLUSTER_T" "n01 boots from its disks" cluster_not_failed n01 up
lab_say "n01 installed in spite of the head's restart"
cluster_installed 2
echo "RESULT faults head_restarted=1 bad_disk_named=1 reinstalled=1"
