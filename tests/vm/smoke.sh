#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# The whole way with one UEFI (Secure Boot) and one BIOS machine: discovery, plan, installation, boot from their own disks; then that an
# installed node is not installed a second time, and that a machine nobody knows boots its own disk.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

lab_begin
cluster_head
lab_vm_new 1 bios 4G
lab_vm_new 2 uefi 4G
lab_vm_new 3 bios 1G
cluster_add 1 2
lab_vm_on 1
lab_vm_on 2
cluster_discover 1 2
cluster_order 1 2
cluster_installed 1 2
grep -aq 'Secure boot enabled' "$W/vm/2.serial" || lab_fail "n02's kernel does not say that Secure Boot is on"
for n in 1 2; do
    orthrus node show "$(lab_name $n)" --json | jq -e '.booted.mdstat | test("raid1")' >/dev/null || lab_fail "n0$n does not run from RAID1"
done
lab_vm_cut 1
lab_vm_cut 2

# Installed exactly once: power on again, no imager, the same system. Beside it a machine that nobody knows: it gets no imager and goes
# on to its own (empty) disk.
lab_vm_on 1
lab_vm_on 3
lab_wait 1 'n01 login:' 420
grep -aq 'orthrus-imager:' "$W/vm/1.serial" && lab_fail "n01 met the imager again although it is installed"
lab_vm_cut 1
lab_say "n01 booted again without the imager"
lab_wait 3 'No bootable (device|option)' 180
grep -aq 'orthrus-' "$W/vm/3.serial" && lab_fail "an unknown machine met the imager"
lab_say "an unknown machine went on to its own disk"
echo "RESULT smoke nodes=2 booted_from_disk=2 installed_twice=0"
