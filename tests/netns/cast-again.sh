#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Casts of images that do not come to their end: orthrusd is started anew or killed, the process that casts is killed, or hangs. Nodes go
# on by another cast with what they have.
set -u
# shellcheck source=tests/netns/cast_nodes.bash
. "$(dirname "$0")/cast_nodes.bash"
cast_network 3 4
make_site --trust-mac --ipv6 off
change_site '.cast = {gather: 2, rate_mbit: 16}' # an image takes four seconds
cast_head

# --- orthrusd is started anew in its midst, first as it should be, then by kill -9
for how in TERM KILL; do
    order 'n[01-03]'
    for n in 1 2 3; do begin $n; done
    for n in 1 2 3; do until_at n0$n 30; done
    before=$(sent)
    stop_daemon $how
    start_daemon
    by_casts 2 98 1 2 3
    until_none
    [ "$(casts | jq '.casts | length')" = 1 ] || fail "$how: not one cast after it: $(casts)"
    # Only what they lacked was sent, once for all.
    wire=$((($(sent) - before) * 100 / bytes))
    [ "$wire" -lt 95 ] || fail "$how: after the restart $wire % of the image went over the line"
    echo "orthrusd SIG$how: went on with $wire % of the image on the line; n01 $(of 1 text)"
    eval "after_$how=$wire"
    anew
done

# --- the process that casts is killed
order 'n[01-03]'
for n in 1 2 3; do begin $n; done
for n in 1 2 3; do until_at n0$n 30; done
kill -9 "$(pgrep -P "$daemon_pid" -f cast-child)" || fail "there is no process that casts"
by_casts 2 98 1 2 3
"$orthrus" event list | grep -q 'the cast of compute/.* failed' || fail "no event tells that the cast died"
echo "its process is killed: n01 $(of 1 text)"
anew

# --- it hangs: orthrusd finds out
order 'n[01-02]'
for n in 1 2; do begin $n; done
for n in 1 2; do until_at n0$n 30; done
kill -STOP "$(pgrep -P "$daemon_pid" -f cast-child)" || fail "there is no process that casts"
by_casts 2 98 1 2
"$orthrus" event list | grep -q 'says nothing any more' || fail "no event tells that it hung"
echo "its process hangs: n01 $(of 1 text)"

[ "$failed" = 0 ] && echo "RESULT cast_again restarted_percent=$after_TERM killed_percent=$after_KILL seconds=$SECONDS"
exit $failed
