#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Of more events than one answer holds, the latest are listed, and who watches sees what happens now.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
MANY=1050

# numbers -- WORDS...: "FIRST LAST COUNT" of what `event list WORDS` prints; each is the one after the last
numbers() {
    shift
    "$orthrus" event list "$@" --json | jq -rs '[.[].number] as $n | if [range(1; $n | length) | $n[.] - $n[. - 1]] | all(. == 1)
        then "\($n[0]) \($n[-1]) \($n | length)" else "gaps: \($n)" end'
}
newest() { api GET /v1/status; value .last_event; }
is() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add n01 --mac 52:54:00:00:00:01 --group compute >/dev/null || die "node add"
for i in $(seq $MANY); do
    [ "$i" = 1 ] || echo next
    printf 'unix-socket = "%s"\nrequest = PATCH\nurl = "http://x/v1/nodes/n01"\noutput = /dev/null\ndata = "{\\"serial\\":\\"s%d\\"}"\n' "$sock" "$i"
done >"$work/requests"
curl -sS --fail --config "$work/requests" || die "$MANY changes"
last=$(newest)
[ "$last" -ge $MANY ] || die "$last events are too few: nothing would be tested"

is "$(numbers --)" "$((last - 99)) $last 100" 'event list'
is "$(numbers -- --limit 1)" "$last $last 1" 'the latest one'
is "$(numbers -- --limit 1020)" "$((last - 1019)) $last 1020" 'more than one answer holds'
is "$(numbers -- --limit 100000)" "1 $last $last" 'all'
is "$(numbers -- --since 3)" "$((last - 99)) $last 100" 'the latest behind an old one'
is "$(numbers -- --since $((last - 5)))" "$((last - 4)) $last 5" 'those behind a number'
is "$("$orthrus" event list --since "$last" --json | wc -l)" 0 'none behind the newest'
"$orthrus" event list | tail -n 1 | grep -q "serial number from s$((MANY - 1)) to s$MANY" || fail "the last line is not the latest event"

# The API.
ask() { api GET "/v1/events$1"; value '"\(.events[0].number) \(.events[-1].number) \(.last)"'; }
is "$(ask '')" "$((last - 999)) $last $last" 'no word where to begin'
is "$(ask '?latest=7')" "$((last - 6)) $last $last" 'latest'
is "$(ask '?latest=0')" "null null $last" 'only the number'
is "$(ask '?latest=7&since=3')" "$((last - 6)) $last $last" 'latest before since'
is "$(ask "?latest=7&since=$((last - 2))")" "$((last - 1)) $last $last" 'since before latest'
is "$(ask '?since=0')" "1 1000 1000" 'from the first on'
api GET '/v1/events?latest=2001'; want 400 'more than are kept'

# Who watches sees what happens now, and nothing from before.
"$orthrus" event watch --json >"$work/watched" &
watcher=$!
for i in $(seq 100); do
    api PATCH /v1/nodes/n01 "{\"serial\":\"w$i\"}"; want 200 'a change'
    [ -s "$work/watched" ] && break
    sleep 0.1
done
kill $watcher
wait $watcher 2>/dev/null
[ "$(head -n 1 "$work/watched" | jq .number)" -gt "$last" ] || fail "event watch begins with $(head -n 1 "$work/watched")"
[ "$failed" = 0 ] && echo ok
exit $failed
