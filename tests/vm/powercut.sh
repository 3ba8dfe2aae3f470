#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# The plug is pulled at ten places of an installation (BIOS and UEFI in turn). After each cut the disks are tried on their own: they
# must not boot. Then power comes back: the imager must take the same order up again. In the end both nodes are installed and boot.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

# Console lines of orthrus-imager that say a step has begun (see imaging/imager/report.c), in the order of the plan.
places=('\] wipe' '\] partition' '\] create:esp' '\] create:sys' '\] format:' '\] restore.* [1-4][0-9] ?%' '\] restore.* [5-9][0-9] ?%' '\] host-files'
    '\] verify' '\] boot-loader')
cuts=0 resumed=0 wrong=0

lab_begin
cluster_two
# Machine 1 takes the even places, machine 2 the odd ones, side by side.
for ((i = 0; i < ${#places[@]}; i += 2)); do
    for n in 1 2; do
        place=${places[$((i + n - 1))]}
        lab_wait $n "orthrus-imager:.*$place" "$CLUSTER_T"
        lab_vm_cut $n
        cuts=$((cuts + 1))
        lab_say "$(lab_name $n): cut at '$place'"
    done
    for n in 1 2; do # the disks alone
        lab_vm_on $n ab nonet
    done
    for n in 1 2; do
        lab_wait $n 'No bootable (device|option)|Linux version|login:|GRUB|grub' 180
        if grep -aqE 'Linux version|login:|GRUB|grub' "$W/vm/$n.serial"; then
            wrong=$((wrong + 1))
            lab_say "$(lab_name $n): a half-installed disk booted"
        fi
        lab_vm_cut $n
        lab_vm_on $n
    done
    for n in 1 2; do
        lab_wait $n 'orthrus-imager:.*\] (disk-test|wipe)' "$CLUSTER_T"
        resumed=$((resumed + 1))
    done
done
cluster_installed 1 2
echo "RESULT powercut cuts=$cuts resumed_or_restarted=$resumed booted_wrong=$wrong"
[ "$cuts" = 10 ] && [ "$resumed" = 10 ] && [ "$wrong" = 0 ]
