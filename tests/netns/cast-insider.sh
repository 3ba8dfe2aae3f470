#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody who may receive a cast, and so has its group key, makes packets with the sender's address. One of them ends nothing, and costs
# the others nothing; many, and symbols that are wrong, make multicast of no use: then the file comes by TLS, that is said, and it is the same.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: it makes networks"; exit 77; }
# shellcheck source=tests/netns/cast.bash
. "$TOP/tests/netns/cast.bash"
tool=$BUILD/tests/lab/castinsider
[ -x "$tool" ] || die "there is no $tool: make tests"
mib=48 n=3
file=$work/file
head -c $((mib << 20)) /dev/urandom >"$file"

net_up $n && net_host bad 10.99.0.200 fd99::bad && net_settled 1 || die "no network"
net_hub
net_rate 250

cast() { # MODE: in $tls how many bytes came by TLS, in $bad how many pieces were wrong, in $rejected packets, all told
    local i insider
    cast_send "$file" $((n + 1)) --gather 20
    net_in bad "$tool" eth0 "$work/token" "$1" >"$work/insider" 2>&1 &
    insider=$!
    until_so 10 "the insider" grep -q ready "$work/insider"
    for i in $(seq $n); do cast_receive "$i"; done
    for i in $(seq $n); do ended "$i"; done
    wait "$sender" || fail "$1: the sender: exit $?: $(tail -n 3 "$work/log.snd")"
    kill "$insider"
    wait "$insider"
    tls=0 bad=0 rejected=0
    for i in $(seq $n); do
        tls=$((tls + $(said "$i" .tls_bytes))) bad=$((bad + $(said "$i" .bad_pieces))) rejected=$((rejected + $(said "$i" .rejected)))
    done
    echo "$1: $(tail -n 1 "$work/insider"), $tls bytes by TLS, $bad pieces wrong, $rejected packets rejected, $(for i in $(seq $n); do said "$i" .seconds; done | paste -sd ' ') s"
}
made() { sed -nE 's/.*made=([0-9]+).*/\1/p' "$work/insider"; }

cast once
[ "$(made)" -ge 7 ] || fail "the insider could not send what he wanted: $(cat "$work/insider")"
[ "$tls" = 0 ] || fail "$tls bytes came by TLS, although he sent a few packets only"
[ "$rejected" -ge $((n * 6)) ] || fail "only $rejected of his packets were rejected"
once=$rejected

# He never stops: what multicast brings then is of no matter, but all of it comes, and the same.
cast on
on=$tls
cast symbols
[ "$bad" -gt 0 ] || fail "no piece was wrong, although he sent $(made) packets"
[ "$tls" -gt 0 ] || fail "nothing came by TLS, although pieces were wrong"
echo "RESULT cast_insider once_rejected=$once on_tls=$on symbols_bad=$bad symbols_tls=$tls"
exit $failed
