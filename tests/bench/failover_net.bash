# SPDX-License-Identifier: GPL-2.0-or-later
# The network of failover.sh: two heads (namespaces a, b), a witness (w), a client (out), somebody who listens to ARP (ear), and a
# switch (sw) that each has one cable to. Sourced after tests/lab/cast_net.bash.
# shellcheck disable=SC2034,SC2154

service=10.98.0.100 port=7007
declare -A address=([a]=10.98.0.1 [b]=10.98.0.2 [w]=10.98.0.3 [out]=10.98.0.9 [ear]=10.98.0.8)
declare -A mac=([a]=02:00:00:00:00:0a [b]=02:00:00:00:00:0b [w]=02:00:00:00:00:0c [out]=02:00:00:00:00:09 [ear]=02:00:00:00:00:08)
declare -A letter=([a]=A [b]=B)
declare -A head_of=([A]=a [B]=b)

machine() { # NAME: with its cable
    ip netns add "$1" &&
        ip -n sw link add "c-$1" type veth peer name eth0 address "${mac[$1]}" netns "$1" || return 1
    net_run "$1" sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
    ip -n "$1" link set lo up
    ip -n "$1" address add "${address[$1]}/24" dev eth0
    ip -n "$1" link set eth0 up
    ip -n sw link set "c-$1" master br0 up
}
make_network() {
    mkdir -p /run/netns && mount -t tmpfs -o mode=755 netns /run/netns || return 1
    ip netns add sw
    ip -n sw link add br0 type bridge stp_state 0 mcast_snooping 0
    net_run sw sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
    ip -n sw link set br0 up
    net_run sw nft -f - <<'EOC' || return 1
table bridge faults {
    set deaf { type ifname; }
    set mute { type ifname; }
    chain cut { type filter hook forward priority 0; oifname @deaf drop; iifname @mute drop; }
}
EOC
    local n
    for n in a b w out ear; do machine $n || return 1; done
}
# A cable that is back carries nothing for up to a second: the kernel tells the bridge, and opens its port, no sooner.
cables_ready() { bridge -n sw -j link show | jq -e 'length == 5 and all(.[]; .state == "forwarding")' >/dev/null; }
responders() { # HEAD
    net_in "$1" "$BUILD/tests/lab/responder" "${letter[$1]}" $port >/dev/null 2>>"$W/responder.$1" </dev/null &
    disown
}
power_off() { # NAME: all that runs there ends, and its cable is dead; then the namespace goes
    # shellcheck disable=SC2046
    kill -KILL $(ip netns pids "$1") 2>/dev/null
    ip -n sw link del "c-$1"
    ip netns delete "$1"
}

# The faults. Each strikes machine $1; heal_NAME undoes it. "service" is what runs there: guard or keepalived.
fault_port() { ip -n sw link set "c-$1" down; }
heal_port() { ip -n sw link set "c-$1" up; }
# shellcheck disable=SC2046
fault_kill() { kill -KILL $("${tool}_pids" "$1"); }
heal_kill() { "${tool}_start" "$1"; }
# shellcheck disable=SC2046
fault_stop() { kill -STOP $("${tool}_pids" "$1"); }
# shellcheck disable=SC2046
heal_stop() { kill -CONT $("${tool}_pids" "$1"); }
fault_gone() { power_off "$1"; }
heal_gone() {
    machine "$1"
    responders "$1"
    "${tool}_start" "$1"
}
# It hears nobody; nobody hears it.
fault_deaf() { net_run sw nft add element bridge faults deaf "{ c-$1 }"; }
heal_deaf() { net_run sw nft delete element bridge faults deaf "{ c-$1 }"; }
fault_mute() { net_run sw nft add element bridge faults mute "{ c-$1 }"; }
heal_mute() { net_run sw nft delete element bridge faults mute "{ c-$1 }"; }
fault_witness() { ip -n sw link set c-w down; }
heal_witness() { ip -n sw link set c-w up; }

# keepalived at its fastest: VRRP version 3 counts in hundredths of a second, and takes over after three that were silent (RFC 5798).
# Whoever has it keeps it, so that a repaired head is no second fault.
keepalived_config() { # HEAD PRIORITY
    cat <<EOC
global_defs {
    router_id $1
    vrrp_version 3
    vrrp_rt_priority 50
    vrrp_no_swap
    vrrp_garp_master_repeat 5
}
vrrp_instance svc {
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority $2
    advert_int 0.01
    virtual_ipaddress {
        $service/24 dev eth0
    }
}
EOC
}
keepalived_prepare() {
    keepalived_config a 254 >"$W/keepalived.a"
    keepalived_config b 253 >"$W/keepalived.b"
}
keepalived_start() { # HEAD
    case $1 in w) return ;; esac
    # An earlier one that was killed left the address; a new one of another mind would have it for ever.
    ip -n "$1" address del $service/24 dev eth0 2>/dev/null
    rm -f "$W/ka.$1" "$W/vrrp.$1"
    net_in "$1" keepalived -n -l -P -f "$W/keepalived.$1" -p "$W/ka.$1" -r "$W/vrrp.$1" >>"$W/log.$tool.$1" 2>&1 </dev/null &
    main[$1]=$!
    disown
}
keepalived_pids() { cat "$W/ka.$1" "$W/vrrp.$1" 2>/dev/null; }
keepalived_ready() { # HEAD: both processes run, and it knows its state
    [ -s "$W/vrrp.$1" ] && kill -0 "$(cat "$W/vrrp.$1")" 2>/dev/null
}

# Ours: $lease_ms and $renew_ms, three voters.
guard_prepare() {
    jq -n --argjson t "$lease_ms" --argjson r "$renew_ms" --arg service $service --arg a "${address[a]}" --arg b "${address[b]}" --arg w "${address[w]}" '
        {format: 1, cluster: {name: "bench", domain: "bench.internal"},
         networks: [{name: "provision", role: "provision", ipv4: {subnet: "10.98.0.0/24"}}],
         heads: [{name: "a", interface: "eth0", ipv4: $a}, {name: "b", interface: "eth0", ipv4: $b}],
         service_addresses: [{name: "svc", ipv4: $service}],
         pair: {lease_ms: $t, renew_ms: $r, witnesses: [{name: "w", addresses: [$w]}]}}' >"$W/site.json"
    [ -e "$W/guard.key" ] || "$GUARD" --make-key "$W/guard.key" >/dev/null
}
guard_start() { # NAME
    mkdir -p "$W/root.$1/run/orthrus-guard"
    net_in "$1" "$GUARD" --root "$W/root.$1" --site "$W/site.json" --self "$1" --key "$W/guard.key" --control "$W/root.$1/run/orthrus-guard/control" --lab \
        >>"$W/log.$tool.$1" 2>&1 </dev/null &
    main[$1]=$!
    disown
}
guard_pids() { echo "${main[$1]}"; }
# It votes, knows who has the lease, would take it, and hears the others.
guard_ready() { # NAME
    "$ORTHRUS" --root "$W/root.$1" head status --json 2>/dev/null | jq -e --arg self "$1" '.guard |
        (.role == "holder" or .role == "standby" and .holder != null or .role == "witness") and (.unfit | not) and
        ([.voters[] | select(.name != $self) | .heard and .ago_us < 50000 and (.unfit or .quarantine | not)] | length == 2 and all)' >/dev/null
}
