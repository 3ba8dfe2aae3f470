#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Event hooks of a real daemon: each event once and in order, as nobody; hooks that hang, fail, flood, fork away or are not safe to run.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: hooks run as another user"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
chmod 755 "$work"
hooks=$root/etc/orthrus/hooks.d
out=$work/out # where hooks write: they are nobody
mkdir -p "$hooks" "$out"
chmod 1777 "$out"
mac1=52:54:00:00:00:01

put_hook() { # NAME: the program is on standard input
    mkdir -p "$(dirname "$hooks/$1")"
    cat >"$work/hook"
    install -m 755 "$work/hook" "$hooks/$1"
}
hook() { api GET /v1/hooks; jq -r --arg n "$1" ".hooks[] | select(.name == \$n) | $2" "$body"; } # NAME FILTER
until_true() { # TEXT COMMAND...: waits at most 15 s
    local text=$1
    shift
    for _ in $(seq 150); do "$@" && return 0; sleep 0.1; done
    fail "$text: $("$orthrus" event hooks)"
}
is() { [ "$(hook "$1" "$2")" = "$3" ]; } # NAME FILTER VALUE
newest() { api GET /v1/status; value .last_event; }
change() { api PATCH /v1/nodes/n01 "{\"serial\":\"$1\"}"; want 200 "change $1"; } # one event, node-changed
kinds() { curl -s --unix-socket "$sock" "http://x/v1/events?since=$1" | jq -r '.events[].kind'; }
took() { is "$1" .last "$2"; }
alive() { pgrep -f "$out/$1" >/dev/null; }

start_daemon
make_site --trust-mac
"$orthrus" event hooks | grep -q 'There are no hooks' || fail "no hooks: $("$orthrus" event hooks)"
"$orthrus" site apply --yes >/dev/null || die "site apply"
api POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"]}]}"; want 200 'add'

# Each gets what it is for, once, in order; who runs it, and with what.
put_hook all <<XX
#!/bin/bash
cat >>$out/all
XX
put_hook node-removed.d/gone <<XX
#!/bin/bash
cat >>$out/gone
XX
put_hook who <<XX
#!/bin/bash
{ id -u; id -g; id -G; pwd; env | sort; grep -E 'NoNewPrivs|CapEff|CapPrm|SigIgn' /proc/self/status; ls -l /proc/self/fd; ulimit -t -c; umask; } >$out/who.new 2>&1
mv $out/who.new $out/who
XX
begin=$(newest)
change h0
for i in $(seq 20); do change "s$i"; done
api POST /v1/nodes '{"nodes":[{"name":"n02","group":"compute","macs":["52:54:00:00:00:02"]}]}'; want 200 'add n02'
api DELETE /v1/nodes/n02; want 200 'remove n02'
end=$(newest)
until_true 'the hook for all is behind' took all "$end"
until_true 'the hook for removals was not run' took node-removed.d/gone "$end"
jq -c . "$out/all" | tail -n 23 >"$work/got"
curl -s --unix-socket "$sock" "http://x/v1/events?since=$begin" | jq -c '.events[]' >"$work/wanted"
diff "$work/wanted" "$work/got" >"$work/diff" || fail "events and what the hook got: $(head "$work/diff")"
[ "$(jq -r '.kind + " " + .node' "$out/gone")" = 'node-removed n02' ] || fail "for removals: $(cat "$out/gone")"
until_true 'who did not run' [ -s "$out/who" ]
[ "$(sed -n 1p "$out/who")" != 0 ] && [ "$(sed -n 3p "$out/who")" = "$(sed -n 2p "$out/who")" ] || fail "runs as: $(cat "$out/who")"
[ "$(sed -n 4p "$out/who")" = / ] || fail "in: $(cat "$out/who")"
[ "$(grep -c '^[A-Z_a-z]*=' "$out/who")" -le 6 ] && grep -q '^ORTHRUS_EVENT=n' "$out/who" || fail "environment: $(cat "$out/who")"
grep -qE '^(HOME|ORTHRUS_ROOT|TMPDIR|LANG)=' "$out/who" && fail "our environment: $(cat "$out/who")"
grep -q 'NoNewPrivs:.*1' "$out/who" && [ "$(grep -cE 'Cap(Eff|Prm):.*[1-9a-f]' "$out/who")" = 0 ] || fail "rights: $(cat "$out/who")"
grep -E ' [0-9]+ -> ' "$out/who" | grep -vE ' [012] -> | -> /proc/' | grep -q . && fail "open descriptors: $(cat "$out/who")"
rm "$hooks/who"

# A restart, kill or not: it goes on behind the last one.
lines=$(wc -l <"$out/all")
stop_daemon TERM
start_daemon
change r1
stop_daemon KILL
start_daemon
change r2
until_true 'after the restarts' took all "$(newest)"
[ "$(jq .number "$out/all" | sort -n | uniq -d | wc -l)" -le 1 ] || fail "twice after a kill: $(jq .number "$out/all" | uniq -d)"
[ "$(jq .number "$out/all" | sort -nu | wc -l)" -ge $((lines + 2)) ] || fail "lost over the restarts"

# One that hangs holds up nobody: the daemon answers, another hook gets its events.
put_hook hang <<XX
#!/bin/bash
exec -a $out/sleeper sleep 1000
XX
change h1
until_true 'hang does not run' is hang .state running
for i in $(seq 5); do change "h2$i"; done
until_true 'the other hook waits for the one that hangs' took all "$(newest)"
is hang .queued 5 || fail "behind a hook that hangs wait $(hook hang .queued)"
# Removed, it is killed at once; so is what runs when the daemon ends.
rm "$hooks/hang"
change h3
until_true 'a removed hook is still there' is hang .name ''
alive sleeper && fail "a removed hook runs on"

# It forks away, into a session of its own: killed with the rest when it ends.
put_hook away <<XX
#!/bin/bash
setsid bash -c 'exec -a $out/daemon sleep 1000' </dev/null >/dev/null 2>&1 &
(setsid bash -c 'trap "" TERM; exec -a $out/second sleep 1000' &) >/dev/null 2>&1
for _ in \$(seq 100); do pgrep -f $out/second >/dev/null && break; sleep 0.05; done
touch $out/forked
XX
change a1
until_true 'away did not run' [ -e "$out/forked" ]
until_true 'away did not end' is away .state ready
until_true 'away did not take its event' is away .queued 0
alive daemon || alive second && fail "what a hook forked runs on: $(pgrep -af "$out/")"
rm "$hooks/away"

# It fails, is ended by a signal, floods the log: said once, and it gets the next event all the same.
put_hook fails <<XX
#!/bin/bash
cat >>$out/fails
printf 'so sorry \033[2J\n' >&2
exit 3
XX
begin=$(newest)
for i in $(seq 4); do change "f$i"; done
until_true 'fails was not given all' is fails .failed 4
is fails .error 'exit 3' && is fails .state failing || fail "fails: $(hook fails .)"
until_true 'no event of the failure' eval '[ "$(kinds $begin | grep -c hook-failed)" = 1 ]'
change f5
until_true 'no fifth failure' is fails .failed 5
[ "$(kinds "$begin" | grep -c hook-failed)" = 1 ] || fail "a failure is told again and again"
grep -q 'hook' "$out/fails" && grep -q 'hook-failed' "$out/fails" && fail "a hook is given what is about hooks"
grep -qF 'fails: so sorry \x1b[2J' "$work/log" || fail "what it says is not in the log: $(grep fails "$work/log")"
"$orthrus" event hooks | grep -q '^fails  *all  *failing .*exit 3' || fail "event hooks: $("$orthrus" event hooks)"
put_hook fails <<XX
#!/bin/bash
yes 'a flood of words that nobody wants to read'
XX
before=$(wc -c <"$work/log")
change f6
until_true 'the flood does not end' is fails .failed 6
[ $(($(wc -c <"$work/log") - before)) -lt 8000 ] || fail "a flood of $(($(wc -c <"$work/log") - before)) bytes in the log"
is fails .error 'it was ended by signal 13' || fail "the flood: $(hook fails .error)"
rm "$hooks/fails"

# What is not safe to run is not run, and said; put right, it is.
begin=$(newest)
put_hook loose <<<'#!/bin/bash'
chmod 775 "$hooks/loose"
put_hook foreign <<<'#!/bin/bash'
chown nobody "$hooks/foreign"
put_hook 'Bad.name' <<<'#!/bin/bash'
ln -s /bin/true "$hooks/link"
echo text >"$hooks/readme"
put_hook open.d/inside <<<'#!/bin/bash'
chmod 777 "$hooks/open.d"
mkdir "$hooks/nodot"
change i1
until_true 'not all are said to be ignored' eval '[ "$(kinds $begin | grep -c hook-ignored)" = 7 ]'
for name in loose foreign Bad.name link readme open.d nodot; do is "$name" .state ignored || fail "$name: $(hook "$name" .)"; done
[ "$(hook foreign .why)" = "its owner is uid $(id -u nobody), not root" ] || fail "foreign: $(hook foreign .why)"
change i2
[ "$(kinds "$begin" | grep -c hook-ignored)" = 7 ] || fail "said again"
chmod 755 "$hooks/loose"
change i3
until_true 'put right, but not run' is loose .state ready
rm -r "$hooks"/{loose,foreign,Bad.name,link,readme,open.d,nodot}
chmod 777 "$hooks"
change i4
until_true 'an open hooks.d' is hooks.d .state ignored
is all .name '' || fail "run out of a directory that anybody may write to"
chmod 755 "$hooks"

# Too slow: the oldest are dropped, counted, and told; the newest 256 are given.
rm "$hooks/all" "$hooks/node-removed.d/gone" # they have had enough
put_hook slow <<XX
#!/bin/bash
read -r line
[ -e $out/go ] || { echo \$\$ >$out/slow.pid; exec -a $out/slow sleep 1000; }
printf '%s\n' "\$line" >>$out/slow.got
XX
change d0
until_true 'slow does not run' is slow .state running
for i in $(seq 300); do
    [ "$i" = 1 ] || echo next
    printf 'unix-socket = "%s"\nrequest = PATCH\nurl = "http://x/v1/nodes/n01"\noutput = /dev/null\ndata = "{\\"serial\\":\\"d%d\\"}"\n' "$sock" "$i"
done >"$work/requests"
begin=$(newest)
curl -sS --fail --parallel --parallel-max 8 --config "$work/requests" || fail "300 changes beside a hook that hangs"
until_true 'nothing is dropped' eval '[ "$(hook slow .queued)" = 256 ] && [ "$(hook slow .dropped)" -ge 44 ]'
until_true 'no event of it' eval 'kinds $begin | grep -q hook-dropped'
touch "$out/go"
kill "$(cat "$out/slow.pid")" # the next ones end by themselves
until_true 'it does not catch up' eval '[ "$(hook slow .queued)" = 0 ] && [ "$(hook slow .state)" != running ]'
[ "$(wc -l <"$out/slow.got")" -ge 256 ] || fail "given $(wc -l <"$out/slow.got") of the newest 256"
jq .number "$out/slow.got" | sort -nc || fail "not in order"
until_true 'what was dropped is not summed up' eval '[ "$(kinds $begin | grep -c hook-dropped)" = 2 ]'

# The end of the daemon ends what runs, which is given its event again.
rm "$hooks/slow" "$out/go"
put_hook node-changed.d/last <<XX
#!/bin/bash
cat >>$out/last
[ -e $out/go ] || exec -a $out/laster sleep 1000
XX
change e1
until_true 'last does not run' alive laster
number=$(tail -n 1 "$out/last" | jq .number)
stop_daemon TERM
alive laster && fail "a hook runs on behind the daemon"
touch "$out/go"
start_daemon
until_true 'not given again' took node-changed.d/last "$number"
[ "$(jq .number "$out/last" | tr '\n' ' ')" = "$number $number " ] || fail "given: $(cat "$out/last")"
[ "$failed" = 0 ] && echo ok
exit $failed
