# SPDX-License-Identifier: GPL-2.0-or-later
# The way from nothing to installed nodes, as the administrator walks it. Sourced after lab.sh by demo.sh and tests/vm/*.sh.
# Machines are numbers (1, 2 ..), their nodes n01, n02 ..; CLUSTER_SUITE chooses the image's suite.

CLUSTER_SUITE=${CLUSTER_SUITE:-bookworm}
CLUSTER_T=${CLUSTER_T:-900}     # seconds that an installation may take on a busy two-core machine without KVM

cluster_head() { # the head: site file, image, orthrusd, site applied. CLUSTER_SITE: more options of site init
    local six
    mkdir -p "$W/head/etc/orthrus" "$W/head/var/lib/orthrus"
    # shellcheck disable=SC2086
    orthrus site init --cluster lab --domain lab.internal --interface eth0 --subnet 10.77.0.0/24 --head-address 10.77.0.1 \
        --head-name head1 --suite "$CLUSTER_SUITE" --trust-mac --yes ${CLUSTER_SITE:-}
    six=$(jq -r '.heads[0].ipv6 // empty' "$W/head/etc/orthrus/site.json")
    [ -z "$six" ] || ip -n "$NS_HEAD" addr add "$six/64" dev eth0 nodad
    lab_image compute "$CLUSTER_SUITE"
    lab_say "image compute ($CLUSTER_SUITE) $([ "$LAB_IMAGE_CACHED" = 1 ] && echo "taken from the cache" || echo built)"
    lab_head_start
    orthrus site apply --yes
    lab_say "head ready: orthrusd, DHCP and TFTP on 10.77.0.1${six:+ and $six}"
}

cluster_add() { # N...: make nodes known, with the machines' MAC addresses
    local n names="" macs=""
    for n in "$@"; do names+="${names:+,}$(lab_name "$n")" macs+="${macs:+,}$(lab_mac "$n")"; done
    orthrus node add "$names" --group compute --mac "$macs" --yes
    lab_say "nodes $names added"
}

cluster_discover() { # N...: powered on, until the head knows their disks
    local n
    for n in "$@"; do lab_until 600 "$(lab_name "$n") reports its inventory" node_is "$(lab_name "$n")" "ready installed up"; done
    lab_say "inventory of every node known"
}

cluster_order() { # N...: show the plan, check that showing changed nothing, then order it
    local names before after
    names=$(for n in "$@"; do lab_name "$n"; echo; done | paste -sd,)
    before=$(head_run curl -sS --unix-socket "$W/head/run/orthrus/api.sock" http://localhost/v1/state/digest)
    orthrus node install "$names" --plan
    after=$(head_run curl -sS --unix-socket "$W/head/run/orthrus/api.sock" http://localhost/v1/state/digest)
    [ "$before" = "$after" ] || lab_fail "node install --plan changed the state: $before, then $after"
    orthrus node install "$names" --yes
    lab_say "installation of $names ordered"
}

cluster_two() { # the head and two machines, n01 with BIOS and n02 with UEFI and Secure Boot, ordered to install
    cluster_head
    lab_vm_new 1 bios 4G
    lab_vm_new 2 uefi 4G
    cluster_add 1 2
    lab_vm_on 1
    lab_vm_on 2
    cluster_discover 1 2
    cluster_order 1 2
}

cluster_installed() { # N...: until each is installed and has booted from its own disks
    local n name
    for n in "$@"; do
        name=$(lab_name "$n")
        lab_until "$CLUSTER_T" "$name is installed" cluster_not_failed "$name" "installed up"
        lab_say "$name installed"
    done
    for n in "$@"; do
        name=$(lab_name "$n")
        lab_until "$CLUSTER_T" "$name boots from its disks" cluster_not_failed "$name" up
        lab_wait "$n" "orthrus-booted: $name root=" 60
        lab_say "$name booted from its own disks: $(orthrus node show "$name" --json | jq -c '.booted // empty' | cut -c1-160)"
    done
}

cluster_not_failed() { # NAME STATES: in one of them? A failed node ends the whole run with its reason.
    if [ "$(node_state "$1")" = failed ]; then
        orthrus node show "$1" >&2
        lab_fail "$1 reports a failure"
    fi
    node_is "$1" "$2"
}

cluster_count() { # STATE -> how many nodes are in it
    orthrus node list --json | jq --arg s "$1" '[.nodes[] | select(.state==$s)] | length'
}

cluster_in_sync() { # N...: has each console said that the arrays are in step? (orthrus-booted says so when they are)
    local n
    for n in "$@"; do grep -aq "orthrus-booted: $(lab_name "$n") arrays in step" "$W/vm/$n.serial" || return 1; done
}
