#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `make bench-failover` makes of the prober's logs: gaps, who was dual, and which moves were false.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
report() { "$TOP/tests/bench/failover_report.awk" -v svg="$work/plot.svg" "$@" >"$work/out" 2>&1; }
line() { grep "^RESULT failover " "$work/out"; }
has() { grep -qF -- "$1" "$work/out" || fail "no '$1' in: $(cat "$work/out")"; }

# log NAME GAP...: a series with such gaps, one fault each a second, then a control of as many seconds, with the lines of standard input
log() {
    local t=1000 n=0 g holder=A other=B
    exec >"$work/$1.log"
    shift
    echo "mark $t begin"
    for g in "$@"; do
        t=$((t + 1000)) n=$((n + 1))
        echo "mark $t fault port $n $holder"
        [ "$g" -lt 3 ] || echo "gap $((t + 1)) $((t + 1 + g)) $holder $other"
        echo "id $((t + 1 + g)) $holder $other arp"
        echo "mark $((t + 300)) heal port $n"
        echo "mark $((t + 400)) calm port $n"
        g=$holder holder=$other other=$g
    done
    echo "mark $((t + 1000)) control"
    cat
    echo "mark $((t + 1000 + n * 1000)) end"
    echo "end $((t + 1000 + n * 1000)) 9999 9000 9000 0"
}
logs() { (log "$@"); }

# 100 faults of 1 to 100 ms: the median is the 50th, p99 the 99th.
# shellcheck disable=SC2046
logs keepalived $(seq 2 101) </dev/null
# shellcheck disable=SC2046
logs t20 $(seq 100 | awk '{ print ($1 > 98 ? 39 : 15 + $1 % 10) }') </dev/null
logs t100 80 90 100 </dev/null
report "$work"/{t20,t100,keepalived}.log || fail "all targets are reached, yet exit $?: $(cat "$work/out")"
want='RESULT failover t20_p50_ms=20.0 t20_p99_ms=39.0 t100_p99_ms=100.0 keepalived_p50_ms=51.0 keepalived_p99_ms=100.0 dual_responders=0 keepalived_dual=0 false_failovers=0 stuck=0'
[ "$(line)" = "$want" ] || fail "not '$want': $(line)"
has '  port          100     51.0    100.0    101.0      0      0'
has 'without faults, 100 s: longest 1.0 ms, 0 of 3 ms or more; moves 0, dual 0'
grep -q '<path d="M[^"]*" fill="none" stroke="#cf222e"' "$work/plot.svg" && tail -n 1 "$work/plot.svg" | grep -qx '</svg>' || fail "the plot: $(head -c 300 "$work/plot.svg")"

# Each way of being dual, and what is none.
dual() { # WANT-DUAL WANT-FALSE, lines of the control from standard input
    logs t100 90 90
    report "$work/t100.log"
    case $(line) in *" dual_responders=$1 "*" false_failovers=$2 "*) ;; *) fail "not dual $1, false $2 after $3: $(line)" ;; esac
}
dual 1 0 'one question, two answers' <<<'two 4500 4400 arp A B'
dual 1 1 'there and back at once' <<<'id 4500 A B arp
id 4501 B A udp'
dual 0 2 'there and back after a lease' <<<'id 4500 A B arp
id 4620 B A udp'
dual 0 1 'a move' <<<'id 4500 A B arp'
dual 2 0 'two seconds of the control' <<<'two 4500 4400 arp A B
two 4501 4401 arp A B
two 5600 4402 udp A B'
grep -qx 'MISSED: dual_responders is 2, the target 0' "$work/out" || fail "dual: $(grep MISSED "$work/out")"
# The first one answers again while the fault lasts, long after: it had to be silent.
cat >"$work/t20.log" <<'EOF'
mark 1000 begin
mark 2000 fault stop 1 A
gap 2001 2020 A B
id 2020 A B arp
id 2150 B A arp
id 2151 A B arp
mark 2300 heal stop 1
mark 2400 calm stop 1
mark 3000 fault witness 1 B
id 3050 B A arp
mark 3300 heal witness 1
mark 3400 calm witness 1
mark 4000 fault deaf 1 A
mark 5000 heal deaf 1
gap 4001 5030 A A
gap 5100 5150 A A
mark 5400 calm deaf 1
mark 6000 control
gap 6500 6504 A A
mark 7000 end
end 7000 7000 7000 7000 3
EOF
report "$work/t20.log" && fail "all is well with two that answer, one that nobody followed, and a failover for nothing"
want='RESULT failover t20_p50_ms=19.0 t20_p99_ms=19.0 t100_p99_ms=- keepalived_p50_ms=- keepalived_p99_ms=- dual_responders=1 keepalived_dual=- false_failovers=1 stuck=1'
[ "$(line)" = "$want" ] || fail "not '$want': $(line)"
has 'longest 4.0 ms, 1 of 3 ms or more'
has 'after repairs: longest 50.0 ms'
has 'did not run 3 times'
has 'MISSED: stuck is 1, the target 0'
exit $failed
