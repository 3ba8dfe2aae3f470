#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it moves this machine's wall clock for moments
# The gate of orthrus-guard (docs/failover.md): a guard that is stopped or killed, a wall clock that moves: nothing leaves by a service
# address after the deadline, whatever asks (ARP, ND, UDP, TCP, ICMP, both families), by BPF and by nftables; nor at its start, nor while
# another one takes over; nor in VLAN tags, fragments or behind extension headers. What is not of a service address passes.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: it makes networks"; exit 77; }
for p in ip tc nft unshare; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
# Namespaces of its own, which are gone with it.
if [ "${GATE_PRIVATE:-}" != 1 ]; then
    GATE_PRIVATE=1 exec unshare --net --mount --propagation private -- "$0" "$@"
fi
tool=$BUILD/tests/lab/gate_tool
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
die() { fail "$@"; exit 1; }
renice -n -15 $$ >/dev/null 2>&1 || : # what else this machine does is not what is looked at
mount -t tmpfs gate /run && mkdir -p /run/netns || die "no /run of its own"
in_head() { ip netns exec head "$@"; }

network() { # anew: a head with eth0, and out0 here
    ip link del out0 2>/dev/null
    ip netns del head 2>/dev/null
    ip netns add head && ip link add out0 type veth peer name eth0 netns head || die "no veth"
    # Duplicate address detection would only take time.
    sysctl -qw net.ipv6.conf.out0.accept_dad=0 && in_head sysctl -qw net.ipv6.conf.eth0.accept_dad=0
    ip link set lo up && ip link set out0 up && ip addr add 10.9.0.9/24 dev out0 && ip addr add fd09::9/64 dev out0 nodad
    in_head ip link set lo up && in_head ip link set eth0 up && in_head ip addr add 10.9.0.2/24 dev eth0 && in_head ip addr add fd09::2/64 dev eth0 nodad
    # Who asks is 77, whom only the tool plays.
    local mac
    mac=$(ip -br link show out0 | awk '{ print $3 }')
    in_head ip neigh replace 10.9.0.77 lladdr "$mac" dev eth0 nud permanent
    in_head ip neigh replace fd09::4d lladdr "$mac" dev eth0 nud permanent
}
service_addresses() { # to the head, as the guard gives them
    in_head ip addr add 10.9.0.1/24 dev eth0 && in_head ip addr add fd09::1/64 dev eth0 nodad || die "ip addr"
}

echo "--- frames"
for kind in bpf nft; do
    network
    "$tool" frames $kind || fail "frames by $kind"
done

echo "--- a guard that is stopped or killed, a clock that is moved"
for kind in bpf nft; do
    network
    service_addresses
    "$tool" trials $kind "${GATE_TRIALS:-1000}" 10 2 >/run/said || fail "trials by $kind"
    tee -a /run/trials </run/said
    [[ $(</run/said) != *" clock=0 "* ]] || echo "the clock of this machine can't be moved: not shown by $kind"
    # Would it be seen if it was otherwise?
    "$tool" trials $kind 10 10 2 8 >/dev/null 2>&1 && fail "a gate by $kind that is open for 8 ms too long is not seen"
done
awk '{ for (i = 3; i <= NF; i++) { split($i, a, "="); v[a[1]] += a[2]; if (a[1] == "worst_us" && (NR == 1 || a[2] > worst)) worst = a[2]
    if (a[1] == "kind") kinds = kinds (kinds ? "," : "") a[2] } }
    END { printf "RESULT gate trials=%d late=%d worst_us=%d kinds=%s\n", v["trials"], v["late"], worst, kinds }' /run/trials
echo "--- one takes over from another"
network
service_addresses
"$tool" takeover 40 || fail "takeover"
echo "--- shut before an address is there, at its end, and after it"
refused() { # SECONDS NAMESPACE-COMMAND... ADDRESS: that machine answers there (it refuses)
    local how=("${@:2:$#-2}")
    "${how[@]}" ip neigh flush all # whom it asked in vain it would not ask again for a while
    [[ $("${how[@]}" timeout "$1" bash -c ": </dev/tcp/${!#}/9" 2>&1) == *refused* ]]
}
outside() { "$@"; }
answers() { refused 3 outside 10.9.0.1 && refused 3 outside fd09::1; }
silent() { ! refused 0.3 outside 10.9.0.1 && ! refused 0.3 outside fd09::1; }
own() { refused 3 outside 10.9.0.2 && refused 3 outside fd09::2; }
exec_in_head() { exec ip netns exec head "$@"; }
hold() { # KIND: a gate; it is told by `say`
    mkfifo /run/in /run/out 2>/dev/null
    exec_in_head "$tool" hold "$1" eth0 10.9.0.1 fd09::1 </run/in >/run/out &
    held=$!
    exec 7>/run/in 8</run/out
    read -r -t 10 -u 8 line && [ "$line" = ready ] || die "no gate: $line"
}
say() { # WORDS: `$line` is the answer
    echo "$*" >&7
    read -r -t 10 -u 8 line || die "$*: no answer"
}
let_go() { exec 7>&- 8<&-; wait $held; }
for kind in bpf nft; do
    network
    hold $kind
    service_addresses
    silent || fail "$kind: a new gate lets pass"
    own || fail "$kind: a shut gate lets nothing pass of the head's own addresses"
    say until 60000
    [ "$line" = ok ] && answers || fail "$kind: an open gate lets nothing pass: $line"
    say shut
    [ "$line" = ok ] && silent || fail "$kind: a gate that was shut is open: $line"
    say look
    [[ $line == "kind=$kind open=0 "*" missing=0" && $line != *passed=0* && $line != *dropped=0* ]] || fail "$kind: look: $line"
    say until 60000
    let_go
    silent || fail "$kind: open after its end"
    hold $kind
    silent || fail "$kind: open at the second start"
    say until 60000
    answers || fail "$kind: the second gate does not open"
    say drop
    if [ $kind = bpf ]; then # none of that needs one
        say look
        [[ $line == "kind=bpf open=1 "*" missing=0" ]] || fail "$kind: look without capabilities: $line"
        say shut
        [ "$line" = ok ] && silent || fail "$kind: it does not shut without capabilities: $line"
        say until 60000
    fi
    kill -9 $held
    let_go 2>/dev/null
    answers || fail "$kind: a guard that is killed does not shut before the deadline"
    in_head "$tool" remove || fail "$kind: remove"
    answers || fail "$kind: it is still there after it was removed"
    [ -z "$(in_head tc filter show dev eth0 ingress; in_head tc filter show dev eth0 egress; in_head nft list tables)" ] || fail "$kind: something is left"
    in_head "$tool" remove || fail "$kind: nothing can't be removed"
done

echo "--- the head that has not got it talks to the one that has"
for kind in bpf nft; do
    network
    hold $kind
    ip addr add 10.9.0.1/24 dev out0 && ip addr add fd09::1/64 dev out0 nodad
    refused 3 in_head 10.9.0.1 || fail "$kind: no way to the other head by IPv4"
    refused 3 in_head fd09::1 || fail "$kind: no way to the other head by IPv6"
    let_go
done

echo "--- it is told when it is gone"
for kind in bpf nft; do
    network
    hold $kind
    in_head tc filter del dev eth0 egress 2>/dev/null
    [ $kind = bpf ] || in_head nft delete chain netdev orthrus_gate to_eth0
    say look
    [[ $line == *" missing=1 eth0" ]] || fail "$kind: half of it was taken away, and look says $line"
    let_go
    hold $kind
    say look
    [[ $line == *" missing=0" ]] || fail "$kind: it does not mend: $line"
    ip link del out0
    ip link add out0 type veth peer name eth0 netns head || die "no veth"
    say look
    [[ $line == *" missing=1 eth0" ]] || fail "$kind: another interface of the name, and look says $line"
    let_go
done

echo "--- where it must not be, or can't"
network
out=$(in_head "$tool" hold bpf lo ::1 2>&1 </dev/null)
[ $? = 3 ] && [[ $out == *"lo is no Ethernet"* ]] || fail "a gate at lo: $out"
out=$(in_head "$tool" hold bpf eth9 ::1 2>&1 </dev/null) && fail "a gate at no interface: $out"
out=$(in_head unshare --time --boottime 100 -- "$tool" hold bpf eth0 10.9.0.1 2>&1 </dev/null)
[ $? = 3 ] && [[ $out == *"time namespace"* ]] || fail "the kernel's clock is another, and the gate is opened: $out"
out=$(in_head unshare --time --boottime 100 -- "$tool" hold any eth0 10.9.0.1 2>&1 <<<look) && [[ $out == *kind=nft* ]] || fail "nftables need no clock of the kernel's: $out"
in_head tc qdisc add dev eth0 ingress
out=$(in_head "$tool" hold bpf eth0 10.9.0.1 2>&1 </dev/null)
[ $? = 3 ] && [[ $out == *"qdisc 'ingress'"* ]] || fail "an ingress qdisc: $out"
"$tool" cost || fail "cost"
exit $failed
