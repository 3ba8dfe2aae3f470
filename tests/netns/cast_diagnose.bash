# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of a cast's diagnosis share: a head and five nodes, the link of n05 being bad, faults, and what is said of them. Sourced,
# with the test's own arguments.
# shellcheck disable=SC2034
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
for p in ethtool python3 setpriv script; do command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }; done
# shellcheck source=tests/netns/cast_nodes.bash
. "$TOP/tests/netns/cast_nodes.bash"
querier=$BUILD/tests/lab/querier_tool SILENCE=3
[ -x "$querier" ] || { echo "needs $querier: make tests"; exit 77; }
# The switch listens who wants multicast, once somebody asks; it says nothing itself.
cast_network 5 4
ip netns exec switch sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
cast_node 9 4
# The link of n05 is bad: its end of it is a tap that says so, and what comes and goes is handed on by a program.
ip -n n5 addr flush dev eth0
ip -n n5 link set eth0 down
ip -n n5 link set eth0 name wire
ip netns exec n5 ethtool -K wire gro off >/dev/null
cat >"$work/relay.py" <<'PY'
import fcntl, os, select, socket, struct
tap = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tap, 0x400454ca, struct.pack('16sH', b'eth0', 0x1002)) # TUNSETIFF: IFF_TAP | IFF_NO_PI
os.system('ip link set wire up promisc on; ip link set eth0 address 52:54:00:00:00:05 up; ip addr add 10.77.0.105/24 dev eth0')
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('wire', 3))
s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20) # SO_RCVBUFFORCE
print('ready', flush=True)
while True:
    for fd in select.select([tap, s], [], [])[0]:
        if fd is tap:
            s.send(os.read(tap, 65536))
        else:
            frame, where = s.recvfrom(65536)
            if where[2] != 4: # PACKET_OUTGOING
                os.write(tap, frame)
PY
ip netns exec n5 python3 "$work/relay.py" >"$work/relay" 2>&1 &
for _ in $(seq 200); do grep -q ready "$work/relay" && break; sleep 0.05; done
grep -q ready "$work/relay" || { echo "needs a tap: $(cat "$work/relay")"; exit 77; }
ip netns exec n5 ethtool -s eth0 speed 100 duplex half || die "ethtool"
# nft sees packets that are to be segmented as one; and a network card does not hide what the way takes.
ethtool -K eth0 tx off >/dev/null
fault() { # NAMESPACE|head RULE: at what comes in there
    local in=(); [ "$1" = head ] || in=(ip netns exec "$1")
    "${in[@]}" nft "add table inet fault; add chain inet fault in { type filter hook prerouting priority -300; }; add rule inet fault in $2" || die "nft: $2"
}
mended() { local in=(); [ "$1" = head ] || in=(ip netns exec "$1"); "${in[@]}" nft delete table inet fault; }

# --- the head, its image, and its nodes: n03 and those after it are behind one switch
make_site --trust-mac --ipv6 off
change_site '.cast = {gather: 3, port: 4600}'
cast_head
for i in $(seq $nodes); do
    machine "$(mac "$i")" "S$i-" |
        jq --argjson n "$i" '.nics[0].lldp = {system: (if $n > 2 then "sw-b" else "sw-a" end), chassis: "02:00:00:00:00:01", port: "Gi0/\($n)", vlan: 0}' >"$work/machine$i"
done

install() { # NODE-NUMBERS...: all of them, to their end; what is wrong is no reason not to have the image
    anew
    order "$(printf 'n0%s,' "$@" | sed 's/,$//')"
    for n in "$@"; do begin "$n"; done
}
all_ended() { # NODE-NUMBERS...
    for n in "$@"; do
        ended "$n"
        same "$n"
    done
    until_none
}
newest() { "$orthrus" cast status --json | jq -r '.casts[0] | '"$1"; }
kinds() { newest '[.findings[].kind] | join(" ")'; }
shows() { # KINDS SENTENCE: of the newest cast that, and no more
    [ "$(kinds)" = "$1" ] || fail "found is '$(kinds)', not '$1': $(newest '.findings, .nodes')"
    # The newest cast is the first one.
    "$orthrus" cast status >"$work/out"
    grep '^! ' "$work/out" | head -n 1 | grep -qF -- "$2" || fail "status does not say '$2': $(cat "$work/out")"
}
event() { # KIND SENTENCE
    for _ in $(seq 200); do "$orthrus" event list | grep -F -- " $1 " | grep -qF -- "$2" && return; sleep 0.05; done
    fail "no event $1 says '$2': $("$orthrus" event list | tail -n 5)"
}
