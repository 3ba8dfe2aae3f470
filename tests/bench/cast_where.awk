#!/usr/bin/awk -f
# SPDX-License-Identifier: GPL-2.0-or-later
# What the processor's time of senders and receivers goes to: docs/bench.md ("Where the time goes").
# usage: perf script -i FILE --comm orthrus -F pid,ip,sym | tests/bench/cast_where.awk
function what(stack) { # the first that fits: what interrupts another thing is told apart from it
    if (stack ~ /net_rx_action|process_backlog/) return "packets on their way (soft interrupts)"
    if (stack ~ /pwrite64/) return "writing the file"
    if (stack ~ /pread64/) return "reading the file"
    if (stack ~ /recvmmsg/) return "receiving from the socket"
    if (stack ~ /sys_sendm?msg/) return "sending to the socket"
    if (stack ~ /poll|futex|eventfd|schedule/) return "waiting and waking"
    if (stack ~ /gcm_(enc|dec)/) return "encryption"
    if (stack ~ / hash_(16|8|4) |treehash|sha256/) return "digests"
    if (stack ~ /gf_.*(prod|mad)|ec_encode|fec_/) return "repair"
    return "all else"
}
function sample(w) {
    if (pid == "") return
    w = what(stack " ")
    n[pid, w]++
    all[pid]++
    words[w] = 1
    seals[pid] += stack ~ /gcm_enc/
    opens[pid] += stack ~ /gcm_dec/
    pid = stack = ""
}
/^ *[0-9]+ *$/ { sample(); pid = $1; next }
NF >= 2 { stack = stack " " $2 }
END {
    sample()
    for (p in all) {
        if (seals[p] + opens[p] < 20) continue # it was not there for long
        role = seals[p] > opens[p] ? "sender" : "receiver"
        total[role] += all[p]
        for (w in words) sum[role, w] += n[p, w]
    }
    printf "%-42s %8s %8s\n", "percent of the time of", "sender", "receiver"
    for (w in words) printf "%-42s %8.1f %8.1f\n", w, 100 * sum["sender", w] / (total["sender"] + !total["sender"]), 100 * sum["receiver", w] / (total["receiver"] + !total["receiver"]) | "sort -k1,1"
}
