#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it compares times
# No receiver costs the others anything: one of four is stopped for good, or can write only 5 MB/s, or comes when half is sent, or is killed
# and started again. The other three end as soon as they do without such a fourth, within 10 %, in the same run; who came late or again
# takes no more than it lacks, and 2 %; the slow one ends by itself. The cable is the limit, not these processors.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: it makes networks"; exit 77; }
# shellcheck source=tests/netns/cast.bash
. "$TOP/tests/netns/cast.bash"
disk=$BUILD/tests/lab/slow_write.so
[ -e "$disk" ] || die "there is no $disk: make tests"
mib=72 mbit=200 # more than a receiver writes meanwhile and may keep in memory until it is written
file=$work/file
head -c $((mib << 20)) /dev/urandom >"$file"
half=$((mib << 19))

begin() { # RECEIVERS-EXPECTED RECEIVER...: a cast begins, with these
    local i
    net_up 4 && net_settled || die "no network"
    net_rate $mbit
    cast_send "$file" "$1"
    for i in "${@:2}"; do cast_receive "$i"; done
}
under_way() { # the first packets are sent: time counts from here
    until_so 20 "the first data" sent_at_least $((1 << 20))
    t0=$(now)
}
healthy() { # NAME: the first three end well; how long the last of them took
    local i t
    for i in 1 2 3; do ended "$i" && only_cast "$i"; done
    t=$(for i in 1 2 3; do at_end "$i"; done | sort -n | tail -n 1)
    t=$(awk -v a="$t0" -v b="$t" 'BEGIN { printf "%.3f", b - a }')
    echo "$1: the healthy needed $t s"
    echo "$1 $t" >>"$work/times"
}
sender_ends() {
    wait "$sender" || fail "the sender: exit $?: $(tail -n 3 "$work/log.snd")"
}
# Every DATA packet that came counts, wanted or not, and what was fetched by TLS.
refetch() { # NAME: of receiver 4, what it took in divided by what it lacked
    local r
    r=$(said 4 '(.packets * 1408 + .tls_bytes) / (.bytes - .kept_bytes)')
    echo "$1: lacked $(said 4 '.bytes - .kept_bytes') bytes, took in $r times that; $(said 4 .tls_bytes) bytes by TLS, $(said 4 .kept_bytes) were kept"
    echo "${r:-9}" >>"$work/refetch"
}

undisturbed() {
    begin 4 1 2 3 4
    under_way
    healthy undisturbed
    ended 4 && only_cast 4
    sender_ends
}

stopped() {
    begin 4 1 2 3 4
    under_way
    until_so 20 "a quarter" sent_at_least $((half / 2))
    kill -STOP "${receiver[4]}"
    healthy stopped
    kill -9 "${receiver[4]}" "$sender"
    wait "${receiver[4]}" "$sender" 2>/dev/null
}
slow() {
    local t
    begin 4 1 2 3
    cast_receive 4 LD_PRELOAD="$disk" SLOW_WRITE=5000000 ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
    under_way
    healthy slow
    ended 4 || return
    t=$(awk -v a="$t0" -v b="$(at_end 4)" 'BEGIN { printf "%.1f", b - a }')
    echo "slow: the slow one needed $t s, $(said 4 .tls_bytes) bytes by TLS, $(said 4 .memory_bytes) bytes of memory"
    less $((mib * 1048576 * 9 / 50000000)) "$t" || fail "the slow one was not slow: it is no test"
    sender_ends
}
late() {
    begin 3 1 2 3
    under_way
    until_so 20 "half" sent_at_least $half
    cast_receive 4
    healthy late
    ended 4 && refetch late && only_cast 4
    sender_ends
}
keeps() { [ -n "$(tr -d '\0' 2>/dev/null <"$work/.got$1.cast.journal" | head -c 1)" ]; } # what receiver I has is noted as durable
resumed() {
    begin 4 1 2 3 4
    under_way
    until_so 20 "half" sent_at_least $half
    until_so 20 "a journal" keeps 4
    kill -9 "${receiver[4]}"
    wait "${receiver[4]}" 2>/dev/null
    cast_receive 4
    healthy resumed
    ended 4 && refetch resumed && only_cast 4
    [ "$(said 4 .kept_bytes)" -gt 0 ] || fail "the one that was killed had kept nothing"
    sender_ends
}

# Medians of all that was measured, and what each fault makes of the undisturbed one: "NAME RATIO".
ratios() {
    awk 'function median(list,   u, n, i, j, x) {
            n = split(list, u, " ")
            for (i = 2; i <= n; i++) for (j = i; j > 1 && u[j] + 0 < u[j - 1] + 0; j--) { x = u[j]; u[j] = u[j - 1]; u[j - 1] = x }
            return n % 2 ? u[(n + 1) / 2] : (u[n / 2] + u[n / 2 + 1]) / 2
        }
        { t[$1] = t[$1] " " $2 }
        END { for (k in t) if (k != "undisturbed") printf "%s %.3f\n", k, median(t[k]) / median(t["undisturbed"]) }' "$work/times"
}
# Undisturbed ones before, between and after. What else this machine does is in single figures: where one is too great, there are two more.
undisturbed
for fault in stopped slow late resumed; do
    $fault
    undisturbed
done
for again in $(ratios | awk '$2 > 1.10 { print $1 }'); do
    for _ in 1 2; do
        $again
        undisturbed
    done
done

ratio=$(ratios | awk '$2 > worst { worst = $2 } END { print worst }')
most=$(sort -n "$work/refetch" | tail -n 1)
less "$ratio" 1.10 || fail "the healthy needed $ratio of the time that they need undisturbed, more than 1.10: $(ratios | paste -sd' ')"
less "$most" 1.02 || fail "what came late or again took in $most of what it lacked, more than 1.02"
echo "RESULT cast_faults healthy_ratio=$ratio refetch=$(printf %.4f "$most")"
exit $failed
