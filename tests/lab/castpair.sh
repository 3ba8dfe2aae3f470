#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# castpair.sh [options]: one sender and N receivers in namespaces of their own, on a bridge; prints what each says, checks that every
# file is the one that was sent. Needs root; files are in memory.
#   -n N           receivers (1)
#   -s MIB         length of the file (1024); -f FILE: that one, which is kept
#   -l PER-MILLE   packets that each receiver loses (0); without segmentation offload then, which would lose 45 at once
#   -t RATE        the sender's link, as tc(8) writes it (none)
#   -g             no segmentation offload
#   -6             over IPv6
#   -p             the receivers' files have their memory before it begins (of a guest, the first touch of a page is the host's work)
#   -S 'OPTIONS'   more for the sender
#   -R 'OPTIONS'   more for the receivers
#   -W 'PROGRAM'   what the sender is run by (perf, strace)
# PAIR=PROGRAM: castpair itself; LIMIT=SECONDS: how long the sender may take (300). Exit 0: all have it.
set -euo pipefail

die() { echo "castpair.sh: $*" >&2; exit 2; }
n=1 mib=1024 loss=0 rate='' offload=1 family=4 prepared=0 file='' more_send='' more_receive='' with=''
while getopts 'n:s:f:l:t:g6pS:R:W:' o; do
    case $o in
    n) n=$OPTARG ;; s) mib=$OPTARG ;; f) file=$OPTARG ;; l) loss=$OPTARG ;; t) rate=$OPTARG ;; g) offload=0 ;; 6) family=6 ;;
    p) prepared=1 ;; S) more_send=$OPTARG ;; R) more_receive=$OPTARG ;; W) with=$OPTARG ;; *) exit 2 ;;
    esac
done
[ "$(id -u)" = 0 ] || die "needs root"
top=$(cd "$(dirname "$0")/../.." && pwd)
pair=${PAIR:-$top/build/tests/lab/castpair}
[ -x "$pair" ] || die "there is no $pair: make tests"
[ "$loss" = 0 ] || offload=0

id=cp$$ spaces=() pids=()
work=$(mktemp -d /dev/shm/castpair.XXXXXX)
cleanup() {
    for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
    wait 2>/dev/null || true
    for s in "${spaces[@]}"; do ip netns del "$s" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

space() { # NAME
    ip netns add "$id$1"
    spaces+=("$id$1")
    ip -n "$id$1" link set lo up
}
plug() { # NAME HOST: a cable from its namespace to the bridge
    ip link add "e$1" netns "$id$1" type veth peer name "p$1" netns "${id}b"
    ip -n "$id$1" addr add "10.77.0.$2/24" dev "e$1"
    ip -n "$id$1" addr add "fd77::$2/64" dev "e$1" nodad
    ip -n "$id$1" link set "e$1" up
    ip -n "${id}b" link set "p$1" master br0 up
}
space b
ip -n "${id}b" link add br0 type bridge mcast_snooping 0
ip -n "${id}b" link set br0 up
space s
plug s 1
[ "$offload" = 1 ] || ip netns exec "${id}s" ethtool -K es tx-udp-segmentation off >/dev/null
[ -z "$rate" ] || ip netns exec "${id}s" tc qdisc add dev es root tbf rate "$rate" burst 64kb latency 50ms
for i in $(seq "$n"); do
    space "r$i"
    plug "r$i" $((i + 1))
    [ "$loss" = 0 ] && continue
    ip netns exec "${id}r$i" nft add table inet lossy
    ip netns exec "${id}r$i" nft add chain inet lossy in '{ type filter hook input priority 0; }'
    ip netns exec "${id}r$i" nft add rule inet lossy in udp dport 7401 numgen random mod 1000 '<' "$loss" drop
done

if [ -z "$file" ]; then
    file=$work/sent
    head -c "$((mib << 20))" /dev/urandom >"$file"
fi
bytes=$(stat -c %s "$file")
sum() { openssl dgst -sha256 -r "$1" | cut -d' ' -f1; }
right=$(sum "$file")
if [ $family = 6 ]; then addresses=(--group ff15::7:1 --sender fd77::1); else addresses=(--group 239.255.7.1 --sender 10.77.0.1); fi
if [ $prepared = 1 ]; then for i in $(seq "$n"); do fallocate -l "$bytes" "$work/got$i"; done; fi
common=(--secret "$RANDOM$RANDOM$$" "${addresses[@]}")

# shellcheck disable=SC2086
for i in $(seq "$n"); do
    ip netns exec "${id}r$i" "$pair" receive "$work/got$i" "${common[@]}" --interface "er$i" --number "$i" --bytes "$bytes" $more_receive \
        >"$work/out$i" 2>"$work/err$i" &
    pids+=($!)
done
bad=0
# shellcheck disable=SC2086
ip netns exec "${id}s" timeout "${LIMIT:-300}" $with "$pair" send "$file" "${common[@]}" --interface es --receivers "$n" $more_send || bad=1
for i in $(seq "$n"); do
    wait "${pids[i - 1]}" || { echo "castpair.sh: receiver $i failed" >&2; bad=1; }
    cat "$work/out$i"
    cat "$work/err$i" >&2
    [ "$(sum "$work/got$i")" = "$right" ] || { echo "castpair.sh: receiver $i has another file" >&2; bad=1; }
done
pids=()
exit $bad
