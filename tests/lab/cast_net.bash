# SPDX-License-Identifier: GPL-2.0-or-later
# A network for casts: namespace "snd" (the sender), "r1" to "rN" (receivers), and "sw", a bridge with a cable to each. Sourced, not run.
# Whoever uses it calls cast_net_private first: all that is made here is gone when that process ends, however it ends.
# shellcheck disable=SC2034
sender4=10.99.0.1 sender6=fd99::1
receiver4() { echo "10.99.0.$((10 + $1))"; }

# cast_net_private SCRIPT WORDS...: goes on inside namespaces of network, mounts and processes of its own (the caller has checked for root).
cast_net_private() {
    [ "${CAST_NET_PRIVATE:-}" != yes ] || return 0
    CAST_NET_PRIVATE=yes exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$@"
}
net_in() { # NAMESPACE COMMAND...: becomes the command (started with &, $! is its own number)
    exec nsenter --net="/run/netns/$1" -- "${@:2}"
}
net_run() { nsenter --net="/run/netns/$1" -- "${@:2}"; }

net_host() { # NAME ADDRESS4 ADDRESS6
    ip netns add "$1"
    ip link add "p-$1" netns sw type veth peer name eth0 netns "$1"
    # Neither side answers for an address before it is sure of it, nor asks routers: nothing waits, nothing else is on the cable.
    net_run "$1" sysctl -q -w net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.eth0.accept_dad=0
    net_run sw sysctl -q -w "net.ipv6.conf.p-$1.disable_ipv6=1"
    net_run sw ip link set "p-$1" master br0 up
    net_run "$1" ip link set lo up
    net_run "$1" ip link set eth0 up
    net_run "$1" ip address add "$2/24" brd + dev eth0
    net_run "$1" ip address add "$3/64" dev eth0 nodad
    net_run "$1" ip route add 224.0.0.0/4 dev eth0
}
net_up() { # N: a sender and N receivers; what was there before goes
    local i
    if [ -z "${net_receivers:-}" ]; then # whatever names others gave, these are ours
        mkdir -p /run/netns && mount -t tmpfs -o mode=755 netns /run/netns || return 1
    fi
    net_down
    ip netns add sw
    # Without a querier a bridge that snoops gives multicast to all anyway: this one does so from the first packet on.
    net_run sw ip link add br0 type bridge stp_state 0 mcast_snooping 0
    net_run sw sysctl -q -w net.ipv6.conf.br0.disable_ipv6=1
    net_run sw ip link set br0 up
    net_host snd $sender4 $sender6
    for i in $(seq "$1"); do net_host "r$i" "$(receiver4 "$i")" "fd99::1$(printf %02x "$i")"; done
    net_receivers=$1
}
net_down() {
    local n
    for n in /run/netns/*; do [ ! -e "$n" ] || ip netns delete "${n##*/}"; done
    net_receivers=0
}

# nft(8) sees a packet that is to be segmented as one, and would drop 45 at once or none: with loss, offload is to be off.
net_offload() { # on|off: whether the sender gives its network card up to 64 KiB at a time
    net_run snd ethtool -K eth0 tx-udp-segmentation "$1" >/dev/null
}
net_loss() { # PERMILLE: what each receiver loses, independently of the others; of what it sends nothing is lost
    local i
    for i in $(seq "$net_receivers"); do net_loss_at "r$i" "$1"; done
}
net_loss_at() { # NAMESPACE PERMILLE
    net_run "$1" nft delete table ip loss 2>/dev/null
    [ "$2" != 0 ] || return 0
    net_run "$1" nft add table ip loss &&
        net_run "$1" nft add chain ip loss in '{' type filter hook prerouting priority -300 ';' '}' &&
        net_run "$1" nft add rule ip loss in iifname eth0 numgen random mod 1000 '<' "$2" counter drop
}
net_lost() { # NAMESPACE: packets that its rule dropped
    net_run "$1" nft list chain ip loss in | sed -nE 's/.*counter packets ([0-9]+).*/\1/p'
}
# The sender's cable carries so much and no more, Ethernet's head included (its preamble, checksum and gap are not): what comes faster
# waits up to 50 ms in a queue, then is lost.
net_rate() { # MBIT
    net_no_rate
    net_run snd tc qdisc add dev eth0 root tbf rate "$1mbit" burst 64kb latency 50ms
}
net_no_rate() { net_run snd tc qdisc delete dev eth0 root 2>/dev/null || :; }
net_sent() { # NAMESPACE: "BYTES PACKETS" that left it, heads of Ethernet included
    net_run "$1" ip -s -j link show eth0 | sed -nE 's/.*"tx":\{"bytes":([0-9]+),"packets":([0-9]+).*/\1 \2/p'
}
net_settled() { # [MORE-HOSTS]: every cable of the bridge carries packets: nothing is lost because a receiver was not there yet
    local try
    for try in $(seq 500); do
        [ "$(net_run sw bridge link | grep -c 'state forwarding')" != $((net_receivers + 1 + ${1:-0})) ] || return 0
        sleep 0.01
    done
    echo "the bridge does not forward: $(net_run sw bridge link)" >&2
    return 1
}
# A switch that has forgotten who is where: everybody hears everything.
net_hub() { net_run sw ip link set br0 type bridge ageing_time 0; }
