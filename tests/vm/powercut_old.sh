#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# The plug is pulled while an installed machine (BIOS; UEFI with Secure Boot) is made unbootable and wiped for its second installation:
# here, unlike on empty disks, an old system is there that could boot from what is left. After each cut the disks are tried on their
# own. Nothing may boot from disks that are unbootable by the head's knowledge; before that, nothing or the old system, whole. Then power
# and network come back: the imager starts the same order over. In the end both nodes are up with the new system.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

# Console lines of orthrus-imager that say a step has begun, in the order of the plan; their disk's part differs.
places=('\] unboot:disks' '\] wipe:')
cuts=0 resumed=0 wrong=0
unbootable=

unboot_step() { orthrus node show "$(lab_name "$1")" --json | jq -r '[.steps[] | select(.name == "unboot:disks") | .result][0]'; }

# disks_alone N: power on without the network; counts it as wrong when something boots that must not
disks_alone() {
    lab_wait "$1" 'No bootable (device|option)|Linux version|login:|GRUB|grub' 180
    if ! grep -aqE 'Linux version|login:|GRUB|grub' "$W/vm/$1.serial"; then return 0; fi
    if [ "$unbootable" = "done" ]; then
        wrong=$((wrong + 1))
        lab_say "$(lab_name "$1"): a half-erased disk booted"
        return 0
    fi
    # Cut before the first of its disks was written to, or between the two: nothing is erased, and the old system must be whole.
    lab_wait "$1" "$(lab_name "$1") login:" 600
    lab_say "$(lab_name "$1"): nothing was erased yet, and the old system booted whole"
}

lab_begin
cluster_two
cluster_installed 1 2
for n in 1 2; do # each disk must be able to boot, or the cuts below show nothing
    lab_until 600 "$(lab_name $n)'s arrays are in step" cluster_in_sync $n
    lab_vm_cut $n
done

cluster_order 1 2
# One machine after the other, as a short step of one would be missed while the other is waited for; the first goes on meanwhile.
for n in 1 2; do
    lab_vm_on $n
    for place in "${places[@]}"; do
        lab_wait $n "orthrus-imager:.*$place" "$CLUSTER_T"
        sleep "0.$((RANDOM % 10))"
        lab_vm_cut $n
        cuts=$((cuts + 1))
        unbootable=$(unboot_step $n)
        lab_say "$(lab_name $n): cut at '$place'; to make its disks unbootable was: $unbootable"
        case $place in
        *wipe*) [ "$unbootable" = "done" ] || lab_fail "$(lab_name $n) was wiped before all of its disks were unbootable" ;;
        esac
        lab_vm_on $n ab nonet
        disks_alone $n
        lab_vm_cut $n
        lab_vm_on $n
        lab_wait $n 'orthrus-imager:.*\] disk-test' "$CLUSTER_T"
        resumed=$((resumed + 1))
    done
done
cluster_installed 1 2
echo "RESULT powercut_old cuts=$cuts resumed_or_restarted=$resumed booted_wrong=$wrong"
[ "$cuts" = 4 ] && [ "$resumed" = 4 ] && [ "$wrong" = 0 ]
