#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The cast beside udpcast and uftp, in the same run: docs/bench.md says what is measured and why so.
# usage: BUILD=DIR tests/bench/cast.sh [ROW ...]   (n1 n4 n8 n1_loss n4_loss link)
#   BENCH_ROUNDS    how often each tool runs (3)
#   BENCH_TOOLS     which ("orthrus udpcast_full udpcast_half udpcast_tuned uftp uftp_tuned")
#   BENCH_MIB       length of the file (1024), and of that of row link: BENCH_LINK_MIB (256)
#   BENCH_BUSY=1    measure though the machine has other things to do
#   BENCH_KEEP      a file for the figures (build/bench-cast.figures)
set -uo pipefail
export LC_ALL=C # numbers with a point
TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD=${BUILD:-$TOP/build}
ORTHRUS=$BUILD/orthrus
export TOP BUILD
fail() { echo "bench-cast: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "not root: it makes networks of its own"
for program in "$ORTHRUS" "$BUILD/tests/bench/reserve"; do [ -x "$program" ] || fail "$program is not there: run \`make bench-cast\`"; done
if [ "${CAST_NET_PRIVATE:-}" != yes ]; then
    exec 8>"$BUILD/bench-cast.lock"
    flock -n 8 || fail "another run measures here: two at once would measure each other"
fi
. "$TOP/tests/lab/cast_net.bash"
cast_net_private "$0" "$@"
. "$TOP/tests/bench/cast_tools.bash"

rounds=${BENCH_ROUNDS:-3}
if [ -n "${BENCH_TOOLS:-}" ]; then read -ra tools <<<"$BENCH_TOOLS"; fi
rows=("$@")
[ ${#rows[@]} -gt 0 ] || rows=(n1 n4 n8 n1_loss n4_loss link)
mbit=200 # of the link
t0=$(date +%s)
say() { printf '[%4d s] %s\n' $(($(date +%s) - t0)) "$*"; }

# All that is made is in memory that belongs to these namespaces: however this ends, nothing stays.
W=$(mktemp -d)
trap 'rmdir "$W"' EXIT # seen from here it is the file system; outside, an empty directory
trap 'exit 130' INT TERM
mount -t tmpfs -o size=95% bench "$W" || fail "no tmpfs"
mkdir "$W/out"
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; umount -l "$W"; rmdir "$W"' EXIT
figures=${BENCH_KEEP:-$BUILD/bench-cast.figures} # whatever ends this run, what was measured is there
: >"$figures"

others() { # percent of all cores that are busy now, with nothing of ours running
    local a b
    read -r _ a < <(head -n 1 /proc/stat)
    sleep 2
    read -r _ b < <(head -n 1 /proc/stat)
    echo "$a $b" | awk '{ for (i = 1; i <= 8; i++) { d = $(i + NF / 2) - $i; all += d; if (i == 4 || i == 5) idle += d } printf "%d\n", 100 * (all - idle) / all }'
}
if [ "${BENCH_BUSY:-}" != 1 ]; then
    busy=$(others)
    [ "$busy" -le 10 ] || fail "the machine is busy ($busy % of its cores): what it measures would be that. BENCH_BUSY=1 measures all the same"
fi

digest() { sha256sum "$1" | cut -d' ' -f1; }
new_file() { # MIB
    file=$W/file.$1
    [ -e "$file" ] || head -c "$(($1 << 20))" /dev/urandom >"$file"
    right=$(digest "$file")
}
alike() { # all N have it, to the byte
    local i
    for i in $(seq "$N"); do "${1}_file" "$i"; done | xargs -P "$(nproc)" sha256sum | awk -v right="$right" -v n="$N" '$1 == right { ok++ } END { exit ok != n }'
}
clean() {
    kill "$reserve" "$deadline" 2>/dev/null
    local p
    for p in "${rx[@]}" $tx; do pkill -P "$p" 2>/dev/null; done
    for p in "${rx[@]}" $tx "$reserve" "$deadline" ${jobs_more:-}; do wait "$p" 2>/dev/null; done
    rm -rf "$W/out"
    mkdir "$W/out"
}
failed() { # ROW TOOL WHY
    { tail -n 5 "$W"/*.log; echo "bench-cast: $1 $2: $3"; } >&2
    echo "failed $1 $2" >>"$figures"
    clean
    return 1
}
# once ROW TOOL: a cast with N receivers, over the network as it is. Returns 1 when not all of them got it.
once() {
    local row=$1 tool=$2 t sent ok=0 size
    size=$(stat -c %s "$file")
    rx=() tx=
    rm -f "$W"/*.time
    mkfifo "$W/ready"
    "$BUILD/tests/bench/reserve" "$W/out" $((N * size)) >"$W/ready" &
    reserve=$!
    read -r _ <"$W/ready"
    rm "$W/ready"
    (sleep 900; echo "$row $tool: not ended after 900 s" >&2; pkill -P $BASHPID; kill $$) &
    deadline=$!
    cat "$file" >/dev/null
    "${tool}_receivers" || { failed "$row" "$tool" "the receivers do not start"; return 1; }
    sent=$(net_sent snd)
    t=$EPOCHREALTIME
    "${tool}_send" && ok=1
    t="$t $EPOCHREALTIME"
    [ $ok = 1 ] || { failed "$row" "$tool" failed; return 1; }
    for _ in $(seq 500); do kill -0 "$tx" 2>/dev/null || break; sleep 0.01; done # it may have last words
    sent="$sent $(net_sent snd)"
    alike "$tool" || { failed "$row" "$tool" "not every receiver has the file as it was sent"; return 1; }
    clean
    cat "$W/tx.time" "$W"/rx*.time | awk -v w="$row $tool" -v t="$t" -v sent="$sent" -v n="$N" -v size="$size" '
        BEGIN { split(t, at, " "); split(sent, s, " ") }
        NR == 1 { tx = $2 + $3; tx_kb = $1; next }
        { rx += $2 + $3; if ($1 > rx_kb) rx_kb = $1 }
        END { printf "%s %.3f %d %.2f %.2f %d %d %d %d\n", w, at[2] - at[1], size, tx, rx / n, tx_kb, rx_kb, s[3] - s[1], s[4] - s[2] }' >>"$figures"
}

in_row() { # ROW TOOL: uftp is asked about only without loss, to one and to four; how udpcast starts makes no odds in the long rows
    case $2 in
    uftp*) case $1 in n1 | n4) ;; *) return 1 ;; esac ;;
    udpcast_tuned) case $1 in n1 | n4 | n1_loss) ;; *) return 1 ;; esac ;;
    esac
}
# As fast as the interface takes it is not uftp's best everywhere: what is lost at the receivers must be sent again.
best_uftp_rate() { # ROW TOOL
    local row=$1 tool=$2 rate
    [ -z "${uftp_rates[$1$2]:-}" ] || return 0
    new_file 128
    for rate in -1 250000 500000 1000000; do
        uftp_rate=$rate
        once "$row" "$tool" >/dev/null || continue
        sed -i "\$s/.*/sweep $rate &/" "$figures"
    done
    uftp_rates[$row$tool]=$(awk -v row="$row" -v tool="$tool" '$1 == "sweep" && $3 == row && $4 == tool && (!n++ || $5 < best) { best = $5; rate = $2 } END { print rate }' "$figures")
    rm -f "$file"
    say "$row: $tool is fastest with -R ${uftp_rates[$row$tool]}"
}
declare -A uftp_rates
# What a peer fails at is tried twice more, and told in the table; that we fail is the end.
measure() { # ROW TOOL
    local try
    for try in 1 2 3; do
        once "$1" "$2" && return 0
        [ "$2" != orthrus ] || fail "$1: the cast failed"
        net_up "$N" && net_settled || fail "no network"
        case $1 in *_loss) net_offload off; net_loss 10 ;; esac
    done
    say "$1: $2 failed three times, and is left out"
}
row_once() { # ROW ROUND
    local row=$1 round=$2 i tool
    N=${row%_loss}
    N=${N#n}
    net_up "$N" && net_settled || fail "no network"
    case $row in *_loss) net_offload off; net_loss 10 ;; esac
    for i in "${!tools[@]}"; do
        tool=${tools[$(((i + round) % ${#tools[@]}))]}
        in_row "$row" "$tool" || continue
        case $tool in uftp*) best_uftp_rate "$row" "$tool"; uftp_rate=${uftp_rates[$row$tool]} ;; esac
        new_file "${BENCH_MIB:-1024}"
        measure "$row" "$tool"
    done
    say "$row: round $round of $rounds"
}
link_once() { # ROUND: how near it comes to what the link can carry
    local p
    N=4
    new_file "${BENCH_LINK_MIB:-256}"
    for p in 0 1 5; do
        net_up "$N" && net_settled || fail "no network"
        net_offload off
        net_rate $mbit
        [ $p = 0 ] || net_loss $((10 * p))
        once p$p orthrus || fail "p$p: the cast failed"
    done
    rm -f "$file"
    say "link: round $1 of $rounds"
}

for row in "${rows[@]}"; do
    case $row in n1 | n4 | n8 | n1_loss | n4_loss | link) ;; *) fail "there is no row '$row' (n1 n4 n8 n1_loss n4_loss link)" ;; esac
done
say "machine: $(nproc) cores, $(awk '/^model name/ { sub(/.*: /, ""); print; exit }' /proc/cpuinfo), load $(cut -d' ' -f1-3 /proc/loadavg)"
for round in $(seq "$rounds"); do
    for row in "${rows[@]}"; do
        if [ "$row" = link ]; then link_once "$round"; else row_once "$row" "$round"; fi
    done
done
"$TOP/tests/bench/cast_report.awk" -v mbit=$mbit "$figures"
