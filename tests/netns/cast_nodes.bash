# SPDX-License-Identifier: GPL-2.0-or-later
# What tests of casts of images share: the real orthrusd as the head, and nodes whose imager is the imager's own code
# (tests/lab/bring_tool.c), in a network of namespaces. Sourced, with the test's own arguments.
# shellcheck disable=SC2154,SC2034
[ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
for p in ip jq nft openssl curl; do command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }; done
bring=$BUILD/tests/lab/bring_tool
[ -x "$bring" ] || { echo "needs $bring: make tests"; exit 77; }
# What is begun below ends with the namespace of processes.
if [ "${1:-}" != inside ]; then exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside "$@"; fi
mount -t tmpfs none /run
mkdir -p /run/netns
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
MIB=$((1 << 20)) SILENCE=2 orthrusd=$BUILD/orthrusd
mac() { printf '52:54:00:00:00:%02x' "$1"; }

# cast_network NODES 4|6: the head's line is eth0; behind it is a switch. Addresses of one family only.
cast_network() {
    local n
    nodes=$1
    if [ "$2" = 4 ]; then net=10.77.0. bits=24 server=10.77.0.1:8443; else net=fd00:77::1: bits=64 server=[fd00:77::1]:8443; fi
    ip link set lo up
    ip netns add switch
    ip link add eth0 type veth peer name head netns switch
    ip -n switch link add sw type bridge mcast_snooping 0
    ip -n switch link set sw up
    ip -n switch link set head master sw up
    if [ "$2" = 4 ]; then ip addr add 10.77.0.1/24 dev eth0; else ip addr add fd00:77::1/64 dev eth0 nodad; fi
    ip link set eth0 up
    for n in $(seq "$nodes"); do cast_node "$n" "$2"; done
}
cast_node() { # NUMBER 4|6
    ip netns add "n$1"
    ip -n "n$1" link add eth0 type veth peer name "p$1" netns switch
    ip -n switch link set "p$1" master sw up
    ip -n "n$1" link set lo up
    if [ "$2" = 4 ]; then ip -n "n$1" addr add "$net$((100 + $1))/$bits" dev eth0; else ip -n "n$1" addr add "$net$1/$bits" dev eth0 nodad; fi
    ip -n "n$1" link set eth0 up
}

start_daemon() {
    "$orthrusd" --root "$root" --no-dnsmasq --listen "$server" --netboot-dir "$TOP/netboot/initramfs" >>"$work/log" 2>&1 </dev/null &
    daemon_pid=$!
    for _ in $(seq 600); do
        [ -S "$sock" ] && curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null && return 0
        kill -0 "$daemon_pid" 2>/dev/null || die "orthrusd ended: $(tail -n 5 "$work/log")"
        sleep 0.05
    done
    die "orthrusd is not ready"
}
apply() { # JQ-FILTER: the site, changed and applied
    change_site "$1"
    "$orthrus" site apply --yes >"$work/out" 2>&1 || die "site apply: $(cat "$work/out")"
}
listing() { (cd "$1" && find . -mindepth 1 -printf '%P %y %m %U:%G %s %l\n' | sort); }
image() { # NAME MIB: built of a tree of that size, random but for small files
    local tree=$work/tree-$1 i
    mkdir -p "$tree/etc" "$tree/usr/bin"
    head -c $(($2 * MIB * 3 / 4)) /dev/urandom >"$tree/usr/bin/large"
    head -c $(($2 * MIB / 4)) /dev/urandom >"$tree/usr/bin/other"
    for i in $(seq 200); do seq "$i" $((i + 400)) >"$tree/etc/small-$i"; done
    ln -s other "$tree/usr/bin/link" && chmod 4755 "$tree/usr/bin/other"
    "$orthrus" image build "$1" --from "$tree" >"$work/out" 2>"$work/err" || die "image build: $(cat "$work/err")"
    listing "$tree" >"$work/want-$1"
}
# cast_head [COMMAND]: the daemon, the image "compute" of 8 MiB, and the nodes; the site is there. COMMAND: run once it is started.
cast_head() {
    local n pki=$root/var/lib/orthrus/pki
    start_daemon
    ${1:-:}
    apply .
    image compute 8
    "$orthrus" node add "n[01-0$nodes]" --group compute --mac "$(for n in $(seq "$nodes"); do mac "$n"; echo; done | paste -sd,)" >/dev/null || die "node add"
    mkdir -p "$work/trust" && cp "$pki/ca.crt" "$pki/sign.pub" "$work/trust/"
    for n in $(seq "$nodes"); do machine "$(mac "$n")" "S$n-" >"$work/machine$n"; done
}

begin() { # NODE-NUMBER: an imager, in the background; its pid is in ${pid[n]}
    ip netns exec "n$1" "$bring" "https://$server" "$work/trust" "$work/keys$1" "$work/machine$1" "$work/target$1" "$SILENCE" >"$work/out$1" 2>"$work/err$1" </dev/null &
    pid[$1]=$!
}
ended() { wait "${pid[$1]}" || fail "n0$1: $(cat "$work/err$1")"; }
of() { tail -n 1 "$work/out$1" | jq -r ".$2" 2>/dev/null || echo 0; } # NODE-NUMBER KEY
last() { tail -n 1 "$work/out$1"; }
order() { # NODESET [OPTION]
    "$orthrus" node install "$@" --accept-disks-unseen --yes >"$work/out" 2>&1 || die "install $1: $(cat "$work/out")"
}
same() { # NODE-NUMBER [IMAGE]
    local tree=$work/tree-${2:-compute}
    listing "$work/target$1" | diff "$work/want-${2:-compute}" - >"$work/diff" || { fail "n0$1 has other files: $(head -n 5 "$work/diff")"; return; }
    diff -r --no-dereference "$tree" "$work/target$1" >"$work/diff" || fail "n0$1 has other content: $(head -n 3 "$work/diff")"
}
sent() { ip -s -j link show eth0 | jq '.[0].stats64.tx.bytes'; }
casts() { curl -s --unix-socket "$sock" http://x/v1/casts; }
# A cast stays a moment for late nodes: what is counted next is not its.
until_none() { for _ in $(seq 1000); do [ "$(casts | jq '[.casts[] | select(.runs)] | length')" = 0 ] && return; sleep 0.02; done; die "a cast does not end: $(casts)"; }
percent_of() { casts | jq --arg n "$1" '[.casts[] | select(.runs) | .nodes[] | select(.node == $n) | .percent] | max // 0'; }
until_at() { for _ in $(seq 1000); do [ "$(percent_of "$1")" -ge "$2" ] && return; sleep 0.02; done; die "$1 is not at $2 %: $(casts)"; } # NODE PERCENT
state_of() { node_value "$1" .state; }
anew() { until_none; rm -rf "$work"/target*; }

# Of each of these nodes: all bytes are told, at least so many percent came by casts, and it took part in so many.
bytes=""
by_casts() { # CASTS PERCENT NODE-NUMBER...
    local n want=$1 least=$2
    shift 2
    for n in "$@"; do
        ended "$n"; same "$n"
        [ -n "$bytes" ] || bytes=$(($(of "$n" cast) + $(of "$n" https)))
        [ $(($(of "$n" before) + $(of "$n" cast) + $(of "$n" https))) = "$bytes" ] || fail "n0$n has not $bytes bytes: $(last "$n")"
        [ "$(of "$n" casts)" = "$want" ] || fail "n0$n took part in $(of "$n" casts) casts, not $want: $(last "$n")"
        [ $(($(of "$n" cast) * 100)) -ge $((bytes * least)) ] || fail "n0$n got less than $least % by casts: $(last "$n")"
        [ "$(state_of "n0$n")" = installed ] || fail "n0$n is $(state_of "n0$n")"
    done
}
running() { casts | jq '[.casts[] | select(.runs)] | length'; }
