#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# Each node (BIOS; UEFI with Secure Boot) still boots with either of its two disks removed.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

lab_begin
cluster_two
cluster_installed 1 2
lab_until 600 "the arrays are in step" cluster_in_sync 1 2
booted=0
# From pristine copies each time: a boot with one disk marks the other as stale, which is right, and not what is asked here.
for n in 1 2; do
    lab_vm_cut $n
    for d in a b; do mv "$W/vm/$n-$d.qcow2" "$W/vm/$n-$d.base"; done
done
for d in a b; do
    for n in 1 2; do
        rm -f "$W/vm/$n-$d.qcow2"
        qemu-img create -q -f qcow2 -F qcow2 -b "$W/vm/$n-$d.base" "$W/vm/$n-$d.qcow2"
        lab_vm_on $n "$d"
    done
    for n in 1 2; do
        lab_wait $n "$(lab_name $n) login:" 600
        grep -aq 'orthrus-imager:' "$W/vm/$n.serial" && lab_fail "$(lab_name $n) met the imager instead of its disk"
        booted=$((booted + 1))
        lab_say "$(lab_name $n) booted with disk $d alone"
        lab_vm_cut $n
    done
done
echo "RESULT degraded booted=$booted of=4"
[ "$booted" = 4 ]
