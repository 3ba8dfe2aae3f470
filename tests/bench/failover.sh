#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long nobody answers for a service address when the head that did fails, and whether two ever answer: orthrus-guard beside
# keepalived, with an outside host that asks every millisecond (tests/lab/prober.c). docs/bench.md has the rules of the measurement.
# usage: tests/bench/failover.sh [SERIES...]      t20 t100 keepalived; default: all
#   BENCH_FAULTS=N     faults of each kind (200)
#   BENCH_KINDS="..."  port kill stop gone deaf mute witness; deaf and mute, which are one way each, are struck half as often
#   BENCH_OUT=DIR      where logs, plot and tables stay (default: build/failover)
#   BENCH_PARTS=N      in how many parts each series runs, at the same time, each in a network of its own (2)
#   BENCH_BUSY=1       measure although the machine is busy
# Our series run at the same time: what else this machine does happens to both. Keepalived runs after them: its real-time processes, continued
# after a stop, kept all else from a processor for up to 79 ms.
set -u
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)} BUILD=${BUILD:-$TOP/build}
ORTHRUS=${ORTHRUS:-$BUILD/orthrus} GUARD=${GUARD:-$BUILD/orthrus-guard}
export TOP BUILD LC_ALL=C.UTF-8
fail() { echo "bench-failover: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "not root: it makes networks of its own"
faults=${BENCH_FAULTS:-200} parts=${BENCH_PARTS:-2}
read -ra kinds <<<"${BENCH_KINDS:-port kill stop gone deaf mute witness}"
out=${BENCH_OUT:-$BUILD/failover}
# A fault lasts until somebody else answers, or for so long, and so much longer to see whether the first one does, too.
most_ms=1000 dwell_ms=200
t0=$(date +%s)
say() { printf '[%4d s] %s\n' $(($(date +%s) - t0)) "$*"; }

busy() { # percent of all cores that are busy now
    local a b
    read -r _ a < <(head -n 1 /proc/stat)
    sleep 2
    read -r _ b < <(head -n 1 /proc/stat)
    echo "$a $b" | awk '{ for (i = 1; i <= 8; i++) { d = $(i + NF / 2) - $i; all += d; if (i == 4 || i == 5) idle += d } printf "%d\n", 100 * (all - idle) / all }'
}
side_by_side() { # SERIES...: each part by a process of its own
    local s n rc=0 run=()
    trap 'kill -KILL "${run[@]}" 2>/dev/null; exit 130' INT TERM # unshare(1) takes no TERM
    for s in "$@"; do
        for n in $(seq "$parts"); do
            FAILOVER_SERIES=$s FAILOVER_PART=$n "$0" 8>&- &
            run+=($!)
        done
    done
    for n in "${run[@]}"; do wait "$n" || rc=1; done
    return $rc
}
measure_all() { # SERIES...: and the report of them all
    local s n ours=() logs=() b rc
    exec 8>"$BUILD/bench-failover.lock"
    flock -n 8 || fail "another run measures here: two at once would measure each other"
    if [ "${BENCH_BUSY:-}" != 1 ]; then
        b=$(busy)
        [ "$b" -le 10 ] || fail "the machine is busy ($b % of its cores): what it measures would be that. BENCH_BUSY=1 measures all the same"
    fi
    mkdir -p "$out"
    for s in "$@"; do
        [ "$s" = keepalived ] || ours+=("$s")
        for n in $(seq "$parts"); do logs+=("$out/$s.$n.log"); done # of this run only
    done
    [ ${#ours[@]} = 0 ] || side_by_side "${ours[@]}" || exit 1
    [[ " $* " != *" keepalived "* ]] || side_by_side keepalived || exit 1
    "$TOP/tests/bench/failover_report.awk" -v svg="$out/failover.svg" "${logs[@]}"
    rc=$?
    say "logs and plot are in $out"
    exit $rc
}
if [ -z "${FAILOVER_SERIES:-}" ]; then
    for s in "$@"; do case $s in t20|t100|keepalived) ;; *) fail "there is no series '$s': t20 t100 keepalived" ;; esac; done
    [ $# -gt 0 ] || set -- t20 t100 keepalived
    measure_all "$@"
fi
. "$TOP/tests/lab/cast_net.bash"
cast_net_private "$0"
name=$FAILOVER_SERIES.$FAILOVER_PART
faults=$(((faults + parts - FAILOVER_PART) / parts)) # of all, this part's
. "$TOP/tests/bench/failover_net.bash"

W=$(mktemp -d)
trap 'exit 130' INT TERM
trap 'mkdir -p "$out/$name"; cp "$W"/log.* "$out/$name" 2>/dev/null; rm -rf "$W"' EXIT # what runs here ends with this process: it is the first of its own
declare -A main
make_network || fail "no network"
responders a
responders b

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }
wait_ms() { # time passes, and what the prober says is heard
    local end=$(($(now_ms) + $1)) left
    while left=$((end - $(now_ms))) && [ $left -gt 0 ]; do hear $left; done
}
hear() { # MS: one line of the prober's, at most so long
    local line rc=0 ms=$1
    printf -v ms %d.%03d $((ms / 1000)) $((ms % 1000))
    read -r -t "$ms" -u "$said" line || rc=1
    heard+=$line # of a line that the end of the time cut off, the rest comes next time
    [ $rc = 0 ] || return 1
    case $heard in
    now*) holder=${head_of[${heard#now }]:-} ;;
    marked) marks=$((marks + 1)) ;;
    esac
    heard=
}
mark() {
    local want=$((marks + 1)) n
    echo "$*" >&"$tell"
    for n in $(seq 100); do
        [ $marks -lt $want ] || return 0
        hear 100
    done
    fail "the prober is gone"
}
until_holder() { # MS NOT: until another one than NOT answers
    local end=$(($(now_ms) + $1)) left
    while [ -z "$holder" ] || [ "$holder" = "$2" ]; do
        left=$((end - $(now_ms)))
        [ $left -gt 0 ] || return 1
        hear $left
    done
}
until_ready() { # NAME...
    local n name
    for n in $(seq 500); do
        cables_ready && break
        wait_ms 10
    done
    for name in "$@"; do
        is_ready "$name" && continue
        # keepalived's process for VRRP crashes now and then when it is continued, and then waits for ever longer before it begins again.
        if [ $tool = keepalived ]; then
            say "$FAILOVER_SERIES: ended by itself on $name, and is begun again"
            mark "ended $name"
            # shellcheck disable=SC2046
            kill -KILL $(keepalived_pids "$name") "${main[$name]}" 2>/dev/null
            keepalived_start "$name"
            is_ready "$name" && continue
        fi
        tail -n 5 "$W/log.$tool.$name" >&2
        fail "$tool does not become ready on $name"
    done
}
is_ready() { # NAME: within 5 s
    local n
    for n in $(seq 500); do
        "${tool}_ready" "$1" && return 0
        kill -0 "${main[$1]}" 2>/dev/null || return 1
        wait_ms 10
    done
    return 1
}
prober_start() { # LOG
    marks=0 holder='' heard=''
    mkfifo "$W/tell" "$W/said"
    net_in out "$BUILD/tests/lab/prober" --address $service --port $port --log "$1" --every "$1.every" \
        --arp /run/netns/ear eth0 "${address[ear]}" --mac "${mac[a]}=A" --mac "${mac[b]}=B" <"$W/tell" >"$W/said" 2>>"$W/prober" &
    prober=$!
    exec {tell}>"$W/tell" {said}<"$W/said"
    rm "$W/tell" "$W/said"
}
prober_end() {
    exec {tell}>&-
    wait "$prober" || fail "the prober failed: $(cat "$W/prober")"
    exec {said}<&-
}

voters() { [ $tool = guard ] && echo a b w || echo a b; }
strike() { # KIND N
    local victim=$holder fault=fault_$1 heal=heal_$1
    [ "$1" != witness ] || victim=w
    mark "fault $1 $2 ${letter[$holder]}"
    $fault $victim || fail "fault $1 $2"
    if [ "$1" = witness ]; then
        wait_ms $((3 * lease_ms + dwell_ms))
    else
        until_holder $most_ms "$victim" && wait_ms $dwell_ms
    fi
    mark "heal $1 $2"
    $heal $victim || fail "heal $1 $2"
    # shellcheck disable=SC2046
    until_ready $(voters)
    wait_ms $settle_ms
    [ -n "$holder" ] || fail "nobody answers after $1 $2"
    mark "calm $1 $2"
}
count_of() { case $1 in deaf|mute) echo $(((faults + 1) / 2)) ;; *) echo "$faults" ;; esac; }

run_series() { # NAME
    local kind n took
    lease_ms=100 renew_ms=20 tool=guard settle_ms=100
    case $1 in
    t20) lease_ms=20 renew_ms=4 ;;
    t100) ;;
    keepalived) tool=keepalived settle_ms=300 ;; # it does not tell when it has found its state
    esac
    "${tool}_prepare" || fail "$tool: cannot be prepared"
    prober_start "$out/$name.log"
    # shellcheck disable=SC2046
    for n in $(voters); do "${tool}_start" "$n"; done
    # shellcheck disable=SC2046
    until_ready $(voters)
    until_holder 10000 '' || { tail -n 5 "$W"/log.$tool.* >&2; fail "$name: nobody answers"; }
    wait_ms 1000
    mark begin
    took=$(now_ms)
    # The kinds take turns, so that whatever else happens on this machine happens to all.
    for n in $(seq "$faults"); do
        for kind in "${kinds[@]}"; do
            [ "$kind$tool" != witnesskeepalived ] || continue
            [ "$n" -gt "$(count_of "$kind")" ] || strike "$kind" "$n"
        done
        [ $((n % 20)) != 0 ] || say "$name: $n of $faults rounds"
    done
    took=$(($(now_ms) - took))
    # As long with nothing done to anybody.
    mark control
    say "$name: the same time without faults: $((took / 1000)) s"
    wait_ms $took
    mark end
    prober_end
}
say "$name"
run_series "$FAILOVER_SERIES"
