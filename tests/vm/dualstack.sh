#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# The families of the provision network, one after the other on one head: a node is installed over IPv4 alone; the network gets IPv6, and
# one is installed that has both; IPv4 goes, and one is installed over IPv6 alone (UEFI, Secure Boot). Each boots from its own disks,
# reports over its family, and answers at the addresses that the head knew beforehand.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

prefix=fd00:77::
no4=(-fw_cfg name=opt/org.tianocore/IPv4PXESupport,string=n) # else it tries IPv4 for a minute first

change_site() { # JQ-FILTER: edited and applied
    jq "$1" "$site" >"$site.new"
    mv "$site.new" "$site"
    orthrus site apply --yes
}
install_one() { # N FIRMWARE [qemu arguments]: from a bare machine to its own system
    local n=$1 fw=$2
    shift 2
    lab_vm_new "$n" "$fw" 4G
    cluster_add "$n"
    lab_vm_on "$n" ab net "$@"
    cluster_discover "$n"
    cluster_order "$n"
    cluster_installed "$n"
}
value() { orthrus node show "$(lab_name "$1")" --json | jq -r "$2"; }
wants() { # N IPV4 IPV6: the addresses that the head gives to it ("null": none)
    [ "$(value "$1" '"\(.ipv4) \(.ipv6)"')" = "$2 $3" ] || lab_fail "$(lab_name "$1") has $(value "$1" '"\(.ipv4) \(.ipv6)"'), not $2 $3"
}
answers() { # ADDRESS: does the node answer there within a minute?
    lab_until 60 "an answer of $1" head_run busybox ping -c 1 -W 1 "$1"
}
served() { # WORDS: TFTP's part of the log since the last call of forget
    tail -n +"$from" "$W/head.log" | grep -aq "$1" || lab_fail "the log does not say '$1'"
}
forget() { from=$(($(wc -l <"$W/head.log") + 1)); }

lab_begin
site=$W/head/etc/orthrus/site.json
CLUSTER_SITE="--ipv6 off" cluster_head
forget
install_one 1 bios
wants 1 10.77.0.2 null
served "sent .*core.0 to 10.77.0.2"
answers 10.77.0.2
v4=$(cluster_count up)
lab_vm_cut 1
lab_say "IPv4 alone: n01 was installed and answers at 10.77.0.2"

ip -n "$NS_HEAD" addr add "${prefix}1/64" dev eth0 nodad
change_site ".networks[0].ipv6 = {subnet: \"$prefix/64\"}"
wants 1 10.77.0.2 "${prefix}2"
forget
install_one 2 uefi
wants 2 10.77.0.3 "${prefix}3"
answers 10.77.0.3
answers "${prefix}3"
dual=$(($(cluster_count up) - v4))
lab_vm_cut 2
lab_say "both: n02 was installed and answers at 10.77.0.3 and ${prefix}3"

# Nodes that have only the place that IPv4 gave them have none when it goes; they are given one of their own first.
six="del(.networks[0].ipv4, .heads[0].ipv4) | .heads[0].ipv6 = \"${prefix}1\"" # which followed from its IPv4 address
jq "$six" "$site" >"$W/six.json"
if orthrus site apply --yes --site "$W/six.json" 2>"$W/refused"; then lab_fail "IPv4 went from under the nodes"; fi
grep -q "n01: has no IPv6 address" "$W/refused" || lab_fail "the refusal says: $(cat "$W/refused")"
orthrus node set 'n[01-02]' --ipv6 "${prefix}2"
change_site "$six"
ip -n "$NS_HEAD" addr del 10.77.0.1/24 dev eth0
wants 2 null "${prefix}3"
forget
install_one 3 uefi "${no4[@]}"
wants 3 null "${prefix}4"
served "sent .*shimx64.efi to ${prefix}b007:0:"
served "sent .*vmlinuz to ${prefix}b007:0:"
answers "${prefix}4"
grep -aq 'Secure boot enabled' "$W/vm/3.serial" || lab_fail "n03's kernel does not say that Secure Boot is on"
grep -aq "orthrus-init: .* has ${prefix}4/64" "$W/vm/3.serial" || lab_fail "the imager did not use the node's address"
v6only=$(($(cluster_count up) - v4 - dual))
lab_vm_cut 3
lab_say "IPv6 alone: n03 was installed with Secure Boot and answers at ${prefix}4"
echo "RESULT dualstack v4=$v4 dual=$dual v6only=$v6only"
