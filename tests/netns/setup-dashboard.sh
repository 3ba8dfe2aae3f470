#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The dashboard on a real terminal (tmux), 80x24: a real pair of guards, a real orthrusd with nodes. The lease's panel follows a switch and a death;
# machines are approved, installed and removed by keys, after the plan was shown; nothing is sent that did not change.
set -u
# The name that the machine has for orthrusd, which looks for itself among the heads of the site.
if [ "${1:-}" = "" ] && [ "$(id -u)" = 0 ]; then exec unshare --uts bash "$0" named; fi
[ "${1:-}" != named ] || { hostname head1; shift; }
command -v tmux >/dev/null || { echo "needs the program tmux"; exit 77; }
# shellcheck source=tests/netns/guard.bash
. "$(dirname "$0")/guard.bash"
rm -rf "$work"
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
root=$work/r-head1 sock=$work/r-head1/run/orthrus/api.sock
export ORTHRUS_ROOT=$root TMUX_TMPDIR=$work LC_ALL=C.UTF-8
tool="$BUILD/orthrus-setup --dashboard"
finish() {
    [ "$failed" = 0 ] || { echo "the last screen:"; screen 2>/dev/null; }
    tm kill-server 2>/dev/null
    cleanup
}
trap finish EXIT

# --- the terminal
terminal=none
tm() { tmux -L "$terminal" "$@"; }
dashboard() { # COLUMNS ROWS TERM [OPTION ...]: in a new session; its terminal's settings before and after are in $work
    local cols=$1 rows=$2 term=$3
    shift 3
    tm kill-server 2>/dev/null
    terminal=d$cols$term # one that ends is not asked for the next
    rm -f "$work/after" "$work/sent"
    tm -f /dev/null new-session -d -s d -x "$cols" -y "$rows" "stty -a >$work/before; TERM=$term $tool --root $root $* 2>$work/tool-err; echo \$? >$work/rc; stty -a >$work/after; exec sleep 600"
    tm pipe-pane -t d "cat >>$work/sent"
}
screen() { tm capture-pane -p -t d; }
keys() { tm send-keys -t d "$@"; }
sees() { screen | grep -qF -- "$1"; }
until_sees() { for _ in $(seq 400); do sees "$1" && return; sleep 0.05; done; die "the screen does not say '$1': $(screen)"; }
until_not() { for _ in $(seq 400); do sees "$1" || return 0; sleep 0.05; done; die "the screen still says '$1': $(screen)"; }
bytes_sent() { stat -c %s "$work/sent" 2>/dev/null || echo 0; }
guard_of() { status "$1" | jq -r ".guard.$2"; } # NAME KEY
until_role() { # NAME ROLE
    local got
    for _ in $(seq 500); do got=$(status "$1" | jq -r .guard.role); [ "$got" = "$2" ] && return; sleep 0.02; done
    die "$1 is '$got', not '$2': $(cat "$work/err")"
}

# --- a pair, and a cluster
guard_network head1=1 head2=2 w1=3
guard_site '.pair.lease_ms = 400 | .pair.renew_ms = 80 | .enrol.trust_mac = true'
for h in head1 head2 w1; do guard_start $h; done
until_role head1 holder
mkdir -p "$root/etc/orthrus"
cp "$work/etc/orthrus/site.json" "$root/etc/orthrus/site.json"
# Nobody answers yet: that is said, and how to start it; the guard's panel needs no daemon.
dashboard 80 24 tmux-256color
until_sees 'orthrusd does not run here'
until_sees 'next: start it (systemctl start orthrusd)'
until_sees 'head1 answers for the service addresses'
keys i; until_sees 'nothing can be asked of it'
start_daemon
until_sees 'No site is applied yet'
"$orthrus" site apply --yes >/dev/null || die "site apply"
until_sees 'No nodes yet'
until_sees 'cluster '
tiny_image compute
"$orthrus" node add 'n[01-02]' --mac 52:54:00:00:00:01,52:54:00:00:00:02 --group compute >/dev/null || die "node add"
port=$(tls_port)
settle
hello 52:54:00:00:00:01 "$(machine 52:54:00:00:00:01 A)"; want 200 hello
until_sees 'Nodes 2  new 1  ready 1'
until_sees 'votes 3 of 3'

# --- the lease: given away by somebody else, by a key, taken by a death
switched() { for _ in $(seq 500); do head_does "$1" switch && return; sleep 0.02; done; die "head switch on $1: $(cat "$work/err")"; } # the other one may be new
switched head1
until_sees 'head2 answers for the service addresses'
keys s; until_sees 'head2 has the lease'
until_role head1 standby
switched head2
until_sees 'head1 answers for the service addresses'
until_sees 'no gap yet'
keys s; until_sees 'head switch --plan'
until_sees 'give the service addresses from head1 to head2'
keys n; until_sees 'nothing was changed'
until_role head1 holder
until_role head2 standby
keys s; until_sees 'Do this?'
keys y; until_sees 'Done.'
sees 'head switch --yes' || fail "the box does not show the command: $(screen)"
sees 'head2 answers for the service addresses now' || fail "what the command said is not shown: $(screen)"
keys Enter; until_sees 'head2 answers for the service addresses, for'
until_role head2 holder
# The holder dies: the panel has another holder, since when, and the gap that its guard measured.
guard_kill head2 KILL
until_sees 'head1 answers for the service addresses, for '
until_sees 'last gap '
until_sees 'head2 silent for'
epoch=$(guard_of head1 epoch) gap_ms=$(guard_of head1 gaps.last_us | awk '{ printf "%.1f", $1 / 1000 }')
held() { screen | sed -nE "s/^head1 answers for the service addresses, for ([0-9]+)[0-9.]* (m?)s or longer \\(epoch $epoch\\)$/\\1\\2/p"; }
first=$(held)
case $first in *m|[0-9]|1[0-9]) ;; *) fail "since when is not shown: '$first' $(screen)" ;; esac
sees "last gap $gap_ms ms" || fail "the gap was $gap_ms ms: $(screen)"
for _ in $(seq 400); do case $(held) in "$first"|*m) sleep 0.05 ;; *) break ;; esac; done
[ "$(held)" != "$first" ] || fail "the time since then stands still: $(screen)"
guard_start head2
until_sees 'head2 heard'

# --- a machine waits: its words are shown, and approved by the whole word only
enrol 52:54:00:00:00:03 "$(machine 52:54:00:00:00:03 C)"
[ "$(jq -r .state "$body")" = pending ] || fail "the machine does not wait: $(cat "$body")"
words=$(jq -r .words "$body")
until_sees 'Waiting for approval 1'
until_sees "$words"
keys a; until_sees 'Approve a machine'
until_sees "must show: $words"
sees 'n03' || fail "no name is proposed: $(screen)"
keys Enter Enter; until_sees 'Type yes'
until_sees "node approve n03 --group"
keys y Enter; until_sees 'nothing was changed'
[ "$(curl -s --unix-socket "$sock" http://x/v1/nodes | jq '.nodes | length')" = 2 ] || fail "approved without a yes"
keys a; until_sees 'Approve a machine'
keys Enter Enter; until_sees 'Type yes'
keys y e s Enter; until_sees 'Done.'
keys Enter; until_sees 'Nodes 3'
until_sees 'Waiting for approval: none'

# --- installed and removed by keys
keys Home; until_sees '> n01'
keys i; until_sees 'node install n01 --plan'
until_sees 'Type yes'
[ "$(node_value n01 .state)" = ready ] || fail "a plan ordered it"
# Its disks are other ones when the yes comes: it was given to what is not so any more.
imager 52:54:00:00:00:01 POST /v1/imager/hello "$(machine 52:54:00:00:00:01 B)"; want 200 'hello with other disks'
keys y e s Enter; until_sees 'not the one that was shown any more'
sees 'It failed' || fail "a plan that is another one by now: $(screen)"
[ "$(node_value n01 .state)" = ready ] || fail "another plan than the one that was shown was ordered"
keys Enter; keys i; until_sees 'Type yes'
keys y e s Enter; until_sees 'ordered: n01'
sees 'as-shown' || fail "what was ordered is not bound to what was shown: $(screen)"
keys Enter
[ "$(node_value n01 .state)" = ordered ] || fail "n01 is $(node_value n01 .state)"
until_sees 'ordered 1'
keys Down; until_sees '> n02'
keys d; until_sees 'node remove n02 --plan'
until_sees 'Type yes'; keys Escape; until_sees 'nothing was changed'
keys d; until_sees 'Type yes'; keys y e s Enter; until_sees 'Done.'
keys Enter; until_sees 'Nodes 2'
# One that is added by keys, and that somebody else removes while it is asked about.
keys n; until_sees 'Add nodes'
keys C-u n 0 9 Enter Enter; until_sees 'MAC addresses  '
keys 52:54:00:00:00:0 9 Enter; until_sees '--mac 52:54:00:00:00:09 --plan'
until_sees 'Do this?'; keys y; until_sees 'Done.'; keys Enter
until_sees 'Nodes 3'; keys End; until_sees '> n09'
keys Enter; until_sees 'MAC         52:54:00:00:00:09'; keys Escape; until_not 'More of it'
keys d; until_sees 'Type yes'
"$orthrus" node remove n09 --yes >/dev/null || die "node remove"
keys y e s Enter; until_sees 'it is gone already'
keys Enter; until_sees '> n03'

# --- filter, help, resize
keys /; until_sees 'Filter (name'
keys o r d e r; until_sees "filter 'order': 1"
keys Escape; until_not 'filter'
keys F1; until_sees 'Keys of the dashboard'; keys Escape; until_not 'Keys of the dashboard'
tm resize-window -t d -x 120 -y 40
for _ in $(seq 100); do [ "$(screen | wc -l)" = 40 ] && screen | tail -n 1 | grep -q 'q Quit' && break; sleep 0.05; done
screen | tail -n 1 | grep -q 'q Quit' || fail "it does not fill 40 rows: $(screen)"
tm resize-window -t d -x 60 -y 10; until_sees 'This terminal has 60 columns and 10 rows'
tm resize-window -t d -x 80 -y 24; until_sees 'Nodes 2'

# --- nothing flickers: a key changes two rows; Esc alone is heard at once
keys Home; until_sees '> n01'
before=$(bytes_sent)
keys Down; until_sees '> n03'
per_key=$(($(bytes_sent) - before))
[ "$per_key" -lt 700 ] || fail "one key sent $per_key bytes"

# --- many nodes, and events by the hundred: it goes on hearing keys
macs=$(for i in $(seq 0 199); do printf ',52:54:00:00:01:%02x' "$i"; done)
"$orthrus" node add 'n[100-299]' --mac "${macs#,}" --group compute >/dev/null || die "node add of 200"
until_sees 'Nodes 202'
keys / n 2 5; until_sees "filter 'n25': 10"
for i in $(seq 150 160); do "$orthrus" node remove n$i --yes >/dev/null || die "node remove"; done &
keys Enter End; until_sees '> n259'
keys Escape; until_not 'filter'
wait $!
until_sees 'Nodes 191'
keys / n Space; until_sees "filter 'n ': 191"
keys Escape; until_not 'filter'
"$orthrus" node remove 'n[100-149,161-299]' --yes >/dev/null || die "node remove of 189"
until_sees 'Nodes 2 '

# --- the daemon goes and comes
stop_daemon TERM
until_sees 'does not answer'
until_sees 'What stands below is what it said before'
start_daemon
until_not 'What stands below'

# --- the daemon hangs: that is said, keys do what they did, and nobody waits for it at the end
kill -STOP "$daemon_pid"
until_sees 'orthrusd is slow to answer'
keys Home; until_sees '> n01'
keys End; until_sees '> n03'

# --- it ends, and the terminal is as it was
begin=$(date +%s%N)
keys q
for _ in $(seq 200); do [ -e "$work/after" ] && break; sleep 0.05; done
[ $((($(date +%s%N) - begin) / 1000000)) -lt 4000 ] || fail "q waits for a daemon that hangs"
kill -CONT "$daemon_pid"
cmp -s "$work/before" "$work/after" || fail "the terminal is not as it was: $(diff "$work/before" "$work/after")"
[ "$(cat "$work/rc")" = 0 ] || fail "q ends it with $(cat "$work/rc"): $(cat "$work/tool-err")"

# --- one colour, and no UTF-8; a terminal that is none
dashboard 80 24 vt100 --ascii
until_sees 'head1 answers'
until_sees '-- Events'
tm capture-pane -e -p -t d | grep -q $'\033\[[0-9;]*3[1-7]m' && fail "colours on a vt100"
screen | LC_ALL=C grep -q '[^ -~]' && fail "it is not ASCII: $(screen)"
# The terminal is lost.
program=$(pgrep -P "$(tm list-panes -F '#{pane_pid}')") || fail "nothing runs on the terminal"
tm kill-server
for _ in $(seq 200); do [ -d "/proc/$program" ] || break; sleep 0.05; done
[ ! -d "/proc/$program" ] || fail "it runs on without its terminal"
# On no terminal it is printed; nothing there is what a terminal would obey.
TERM=dumb $tool --root "$root" >"$work/out" 2>"$work/err" </dev/null || fail "without a terminal: $(cat "$work/err")"
grep -q 'head1 answers' "$work/out" || fail "without a terminal it says: $(cat "$work/out")"
grep -q $'\033' "$work/out" && fail "escape sequences without a terminal"

# --- plain: once, and again after each change
$tool --root "$root" --plain --ascii >"$work/out" 2>"$work/err" || fail "--plain: $(cat "$work/err")"
grep -q 'head1 answers' "$work/out" && grep -q 'n03' "$work/out" || fail "--plain says: $(cat "$work/out")"
"$BUILD/orthrus-setup" --root "$root" --watch --ascii >"$work/watch" 2>&1 &
watch=$!
for _ in $(seq 200); do grep -q 'head1 answers' "$work/watch" && break; sleep 0.05; done
until_role head2 standby
switched head1
for _ in $(seq 200); do grep -q 'head2 answers' "$work/watch" && break; sleep 0.05; done
grep -q 'head2 answers' "$work/watch" || fail "--watch does not tell of the switch: $(cat "$work/watch")"
kill $watch; wait $watch 2>/dev/null

# --- another head, over TLS: its guard is what its status says
"$orthrus" head certificate anna --out "$work/cert" >/dev/null || fail "head certificate"
$tool --api "https://127.0.0.1:$(tls_port)" --ca "$work/cert/ca.crt" --cert "$work/cert/anna.crt" --key "$work/cert/anna.key" --plain --ascii >"$work/out" 2>&1
grep -q 'head2 answers' "$work/out" && grep -q 'n03' "$work/out" || fail "--api says: $(cat "$work/out")"
$tool --api "https://127.0.0.1:1" --ca "$work/cert/ca.crt" --plain --ascii >"$work/out" 2>&1
grep -q 'cannot reach https://127.0.0.1:1' "$work/out" || fail "--api where nobody is says: $(cat "$work/out")"

# --- the guard of this machine goes: its panel says so, and the rest is as it was
dashboard 80 24 vt100 --ascii
until_sees 'head2 answers'
guard_kill head1 KILL
until_sees '! no guard runs on this machine'
until_sees '> n01'
keys s; until_sees 'No guard answers on this machine'
# On a terminal that is too small q quits, as it says there, whatever is under way below.
keys n; until_sees 'Add nodes'
tm resize-window -t d -x 60 -y 10; until_sees 'q quits'
rm -f "$work/rc"; keys x q
for _ in $(seq 200); do [ -s "$work/rc" ] && break; sleep 0.05; done
[ "$(cat "$work/rc")" = 0 ] || fail "q on a small terminal: $(screen)"

[ "$failed" = 0 ] && echo "RESULT dashboard guard_panel=1 actions=approve,add,reinstall,remove,switch gap_ms=$gap_ms bytes_per_key=$per_key"
exit "$failed"
