#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The frame of orthrus-setup on a real terminal (tmux), with pages of its own (tests/lab/setup.c) and an `orthrus` that is a script: every
# screen against a golden one, keys, refusals, sizes, terminals without colours and without lines, kill and resume, apply.
set -u
# shellcheck source=tests/cli/setup.bash
. "$TOP/tests/cli/setup.bash"
cp "$BUILD/tests/lab/setup" "$work/bin/orthrus-setup" || die "tests/lab/setup is not built"
export SETUP_WORK=$work
# What it is told goes to $work/calls. `head install --yes` waits at each step for $work/go-NUMBER; $work/fail is the step that fails.
cat >"$work/bin/orthrus" <<'SH'
#!/bin/bash
work=$(dirname "$(dirname "$0")")
echo "$*" >>"$work/calls"
steps=("install 3 packages" "write /etc/orthrus/site.json" "make RAID 1 of QEMU 1 and QEMU 2 for the image store" "start orthrusd" "make the first image")
wait_for() { until [ -e "$work/go-$1" ] || [ -e "$work/go-all" ]; do [ -p "$work/nothing" ] || exit 1; read -r -t 0.05 <>"$work/nothing"; done; }
say() { printf '{"step":"s%d","number":%d,"of":5,"state":"%s","text":"%s"}\n' "$1" "$1" "$2" "${3:-${steps[$1 - 1]}}"; }
[ -p "$work/nothing" ] || mkfifo "$work/nothing"
case "$* " in
*'--probe '*)
    [ ! -e "$work/slow-probe" ] || { echo $$ >"$work/probing"; exec sleep 600; }
    echo '{}'
    ;;
*'--plan '*)
    if [ -e "$work/no-plan" ]; then
        echo '{"error":{"kind":"refused","text":"another DHCP server answers on eth1 (192.0.2.1)","hint":"switch it off there, or choose another interface"}}'
        exit 3
    fi
    printf '{"steps":['
    for i in 1 2 3 4 5; do
        [ $i = 3 ] && d=true || d=false
        [ $i = 2 ] && f='"/etc/orthrus/site.json"' || f=
        [ $i = 4 ] && f='"/lib/systemd/system/orthrusd.service","/etc/orthrus/orthrusd.env"'
        printf '%s{"id":"s%d","text":"%s","files":[%s],"destructive":%s}' "$([ $i = 1 ] || echo ,)" $i "${steps[i - 1]}" "$f" $d
    done
    echo ']}'
    ;;
*'--yes '*)
    trap '[ ! -e "$work/slow-to-stop" ] || wait_for 2; echo "{\"error\":{\"kind\":\"failed\",\"text\":\"stopped before step $i\",\"hint\":\"run it again\"}}"; exit 1' TERM
    for i in 1 2 3 4 5; do
        if [ -e "$work/done-$i" ]; then say $i kept; continue; fi
        say $i begun
        wait_for $i
        if [ "$(cat "$work/fail" 2>/dev/null)" = $i ]; then
            say $i failed "no space left on device"
            echo '{"error":{"kind":"failed","text":"make RAID 1: no space left on device","hint":"free some, then run it again"}}'
            exit 1
        fi
        touch "$work/done-$i"
        say $i done
    done
    ;;
*) echo "unknown: $*" >&2; exit 2 ;;
esac
SH
chmod +x "$work/bin/orthrus"
root=$work/root
setup=("$work/bin/orthrus-setup" --root "$root")
saved=$root/var/lib/orthrus/setup.json
fresh() { screen_close; rm -rf "$root" "$work"/go-* "$work"/done-* "$work/fail" "$work/no-plan" "$work/calls"; }
begin() { screen_open "$@" "${setup[@]}"; screen_shows "Cluster's name"; }
says_saved() { grep -qF -- "$1" "$saved" || fail "'$1' is not saved: $(cat "$saved")"; }

# Every page as it is on a serial console, and a value that is refused on its field.
fresh
begin 80x24 vt100 utf8
golden setup/newt/cluster
screen_keys F1; screen_shows "Help"; golden setup/newt/help
screen_keys Escape; screen_hides "Help"
screen_keys Tab Tab Tab; golden setup/newt/switch
screen_keys Space; screen_shows "[x] yes"
screen_keys BTab BTab BTab; screen_type "Q9"; screen_keys Tab
screen_shows "! 'houndQ9' is no name"; golden setup/newt/refused
# The cursor stands there; what follows from it is shown once it is right.
screen_keys BSpace BSpace; screen_type "s"; screen_keys Tab; screen_shows "hounds.internal"
screen_keys Tab; screen_type "short"; screen_keys Enter; screen_shows "! too short"
screen_type "er than before"; screen_keys Enter; screen_shows "2 of 4"
golden setup/newt/disks
says_saved '"a0":"hounds"'
says_saved '"page": "disks"'
! grep -q 'before' "$saved" || fail "the passphrase was saved: $(cat "$saved")"
[ "$(stat -c %a "$saved")" = 600 ] || fail "mode of $saved is $(stat -c %a "$saved")"
# To choose; what follows is drawn at once. What the page as a whole does not allow is said on the field that it is about.
screen_keys Down; screen_shows "Enter choose"; screen_keys Enter; screen_shows "md0, 1 TB"
screen_keys Enter; screen_shows "! RAID 5 needs three disks"; golden setup/newt/check
# Back and forth loses nothing.
screen_keys Escape; screen_shows "1 of 4"; screen_shows "[x] yes"; screen_shows "The passphrase is set."
screen_keys Enter; screen_shows "2 of 4"; screen_shows "(*) 5"
screen_keys Tab Down Down; screen_keys Space; screen_shows "[x] third"
screen_keys Enter; screen_shows "3 of 4"
# More fields than rows: it scrolls with the cursor.
golden setup/newt/names
screen_keys BTab; screen_shows "three"; golden setup/newt/names-end
screen_keys Up Up; screen_shows "And last"
screen_keys F12; screen_shows "make the first image"
golden setup/newt/review
screen_keys Escape; screen_shows "3 of 4"; screen_keys F12; screen_shows "make the first image"

# From the review to a page, and back to it.
screen_keys Down Down Enter; screen_shows "(*) Change: Node disks"; screen_keys Enter; screen_shows "2 of 4"
screen_keys Enter; screen_shows "make the first image"
# Applying must be said in a word.
screen_keys Enter; screen_shows "Type yes to begin"; golden setup/newt/confirm
screen_type y; screen_keys Enter; screen_shows "! only the word yes"
! grep -q -- --yes "$work/calls" || fail "something was done before it was confirmed"
screen_type es; screen_keys Enter; screen_shows "[>] install 3"
touch "$work/go-1" "$work/go-2"; screen_shows "[x] write"; screen_shows "[>] make RAID"
# What is carried out is what was planned, by the same words.
[ "$(grep -- --yes "$work/calls")" = "$(grep -- --plan "$work/calls" | tail -n 1 | sed 's/--plan/--yes/')" ] || fail "planned and done: $(cat "$work/calls")"
grep -q hounds "$root/var/lib/orthrus/setup-site.json" || fail "the site was not written"
# A failure says what it was and what to do; going on does only what is left.
echo 3 >"$work/fail"; touch "$work/go-3"; screen_shows "free some, then run it again"; golden setup/newt/failed
rm "$work/fail"
screen_keys Enter; screen_shows "What next"
! screen_text | grep -q "Nothing has been done" || fail "two steps are done, and the plan says: $(screen_text)"
screen_keys F12; screen_shows "Type yes"; screen_type yes; screen_keys Enter
touch "$work/go-all"; screen_shows "What comes next"; golden setup/newt/done
grep -q -- '--store-raid 1' "$work/calls" || fail "the answers' own options are not passed on: $(cat "$work/calls")"
# Then the dashboard, from now on without being asked for; here there is no daemon to tell it anything.
screen_keys Enter; screen_shows "orthrusd does not run here"; screen_keys q; screen_ended
[ "$(screen_status)" = 0 ] || fail "exit $(screen_status)"
says_saved '"installed": true'
"${setup[@]}" </dev/null >"$work/out" 2>&1 || fail "once installed: $(cat "$work/out")"
grep -q 'orthrusd does not run here' "$work/out" || fail "once installed: $(cat "$work/out")"
screen_open 80x24 vt100 utf8 "${setup[@]}" --wizard; screen_shows "1 of 4"

# Killed at any moment it goes on where it was, refused values too.
fresh
begin 80x24 xterm utf8
screen_keys BSpace BSpace; screen_type "XX"; screen_keys Tab; screen_shows "is no name"
kill -KILL "$(screen_pid)"; screen_ended
screen_open 80x24 xterm utf8 "${setup[@]}"; screen_shows "! 'houXX' is no name"
screen_keys BSpace BSpace Tab; screen_shows "hou.internal"
# The terminal goes: what is typed and not left is kept too.
screen_type "x"; screen_shows "hou.internalx"
kill -HUP "$(screen_pid)"; screen_ended
says_saved 'hou.internalx'
screen_open 80x24 xterm utf8 "${setup[@]}"; screen_shows "hou.internalx"
# Another one at the same time is refused, and says who is at work.
timeout 10 "${setup[@]}" --plain </dev/null >"$work/out" 2>&1 && fail "a second one was let in"
grep -q "another orthrus-setup is at work on this machine: process $(screen_pid) on /dev/pts/" "$work/out" || fail "a second one: $(cat "$work/out")"
# It shall end while it looks at this machine: at once, what looks ends with it, and the terminal is as it was.
ended() { # SIGNAL
    until [ -s "$work/probing" ]; do read -r -t 0.05 <>"$work/nothing"; done
    kill "-$1" "$(cut -d' ' -f1 "$root/run/orthrus-setup.lock")"
}
looks_no_more() {
    kill -0 "$(cat "$work/probing")" 2>/dev/null && fail "$1: what looks at this machine is still there"
    rm "$work/probing"
}
screen_close; touch "$work/slow-probe"
screen_open 80x24 xterm utf8 bash -c 'stty -a >"$0/stty"; "$@"; echo $? >"$0/code"; stty -a | cmp "$0/stty" - >"$0/cmp" 2>&1' "$work" "${setup[@]}"
screen_shows "Looking at this machine"; ended TERM; screen_ended; looks_no_more newt
[ "$(cat "$work/code")" = 1 ] && grep -q 'what was answered is kept' "$work/screen-err" || fail "ended: $(cat "$work/code" "$work/screen-err")"
[ ! -s "$work/cmp" ] || fail "the terminal is not as it was: $(cat "$work/stty" "$work/cmp")"
for signal in TERM HUP; do
    "${setup[@]}" --plain </dev/null >"$work/out" 2>&1 & pid=$!
    ended $signal; wait $pid; [ $? = 1 ] || fail "plain, $signal: $(cat "$work/out")"
    looks_no_more "plain, $signal"
    grep -q 'what was answered is kept' "$work/out" || fail "plain, $signal: $(cat "$work/out")"
done
rm "$work/slow-probe"
screen_open 80x24 xterm utf8 "${setup[@]}"; screen_shows "hou.internalx"
# Leaving asks.
screen_keys Escape; screen_shows "Leave orthrus-setup?"; golden setup/newt/leave
screen_keys n; screen_hides "Leave orthrus-setup?"
screen_keys C-c; screen_shows "Leave orthrus-setup?"; screen_keys C-c; screen_hides "Leave orthrus-setup?"
screen_keys Escape; screen_shows "Leave orthrus-setup?"; screen_keys N; screen_hides "Leave orthrus-setup?"
screen_keys C-c; screen_shows "Leave orthrus-setup?"; screen_keys Y; screen_ended
[ "$(screen_status)" = 0 ] || fail "left with exit $(screen_status)"

# Another size in the middle of a word; a very small screen; a large one.
fresh
begin 80x24 linux utf8
screen_keys BSpace; screen_type "t"; screen_shows "hount"
screen_size 100x30; screen_shows "hount"; screen_still; golden setup/newt/large
screen_size 40x12; screen_shows "hount"; golden setup/newt/small
screen_type "ed"; screen_shows "hounted"
screen_size 80x24; screen_shows "unlock it. The domain follows"; screen_keys F1; screen_shows Help; screen_size 70x20; screen_hides Help; screen_shows "hounted"
screen_keys Tab; screen_shows "hounted.internal"

# On terminals of every kind, in every window, before and after keys.
at_the_bottom() { # ROW TEXT
    local n
    for ((n = 0; n < 300; n++)); do screen_text | sed -n "$1p" | grep -qF -- "$2" && return; sleep 0.05; done
    fail "'$2' is not in row $1: $(screen_text)"
}
for term in xterm xterm-256color vt100; do
    fresh
    begin 80x24 $term utf8
    screen_size 100x30; at_the_bottom 30 "F1 help"
    screen_keys Tab; screen_size 60x20; at_the_bottom 20 "F1 help"
    screen_keys F1; screen_shows Help; screen_size 80x24; screen_hides Help; at_the_bottom 24 "F1 help"
    screen_keys Escape; screen_shows "< Yes >"; screen_size 40x12; at_the_bottom 12 "y yes"; screen_size 80x24; at_the_bottom 24 "y yes"
    screen_keys n; at_the_bottom 24 "F1 help"
done

# Stopped by Ctrl-Z, and another size by the time it goes on.
fresh
screen_open 80x24 linux utf8 bash -c 'exec env PS1="ready> " bash --norc --noprofile -i 2>/dev/tty'
screen_shows "ready>"; screen_type "${setup[*]}"; screen_keys Enter
screen_shows "Cluster's name"; screen_type "x"; screen_shows "houndx"; screen_keys C-z; screen_shows Stopped
screen_size 60x20; screen_type fg; screen_keys Enter; screen_shows "houndx"
at_the_bottom 20 "F1 help"
screen_type "y"; screen_shows "houndxy"
# Something else writes on the screen.
printf '\e[2J\e[3;3HOops: 0002' >"$(tmux -S "$work/tmux" display -p '#{pane_tty}')"; screen_shows Oops; screen_hides houndxy
screen_keys C-l; screen_shows "houndxy"; screen_hides Oops
screen_keys Escape; screen_shows "< Yes >"; screen_keys C-z; screen_shows Stopped; screen_type "clear; fg"; screen_keys Enter; screen_hides Stopped; screen_shows "< Yes >"
screen_keys n; screen_shows "houndxy"

# Lines in ASCII, and in the terminal's own set.
fresh
begin 80x24 vt100 ascii; golden setup/ascii/cluster
fresh
begin 80x24 ansi ascii; screen_keys F12; screen_shows "2 of 4"
# A terminal that can't be drawn on is asked line by line.
fresh
screen_open 80x24 dumb utf8 "${setup[@]}"; screen_shows "Cluster's name [hound]:"
# One that this machine knows nothing of is named, with what to do.
screen_open 80x24 strange-tty utf8 "${setup[@]}"; screen_ended
grep -q "this terminal (strange-tty) can't be drawn on" "$work/screen-err" && grep -q 'next: .*TERM=vt100' "$work/screen-err" || fail "an unknown terminal: $(cat "$work/screen-err")"

# The same in plain text, from a script. All defaults, then each answer.
fresh
lines() { printf '%s\n' "$@"; }
lines '' '' '' '' | "${setup[@]}" --plain >"$work/out" 2>"$work/err"
[ $? = 1 ] || fail "the input ended, and the exit was not 1"
grep -q 'it goes on there' "$work/err" || fail "the input ended: $(cat "$work/err")"
says_saved '"page": "disks"'
# Standard input that is closed has no answers, nor has a file that is opened later; and who has nobody to ask does not go on for ever.
"${setup[@]}" --plain <&- >"$work/out" 2>"$work/err" && fail "closed input, and the exit was 0"
! grep -q ' since 20' "$work/out" || fail "closed input: $(cat "$work/out")"
yes '' | timeout 60 "${setup[@]}" --plain 2>"$work/err" | head -n 1 >"$work/out"
[ "${PIPESTATUS[1]}" = 1 ] || fail "nobody reads its questions: $(cat "$work/err")"
# '?', a refused value, '<', numbers, words; the plan, refused but for "yes".
fresh
touch "$work/go-all"
lines '?' NAME pack '' short 'long enough' y 3 1,3 n '<' packs '' '' '' '' 1,2,3 no \
    $(for i in $(seq 18); do echo "x$i"; done) '' n yes |
    "${setup[@]}" --plain >"$work/out" 2>"$work/err" || fail "plain: exit $?: $(cat "$work/err")"
plain() { # FILE
    local want=$TOP/tests/golden/$1
    masked <"$work/out" >"$work/masked" && mv "$work/masked" "$work/out"
    if [ -n "${UPDATE_GOLDEN:-}" ]; then mkdir -p "${want%/*}"; cp "$work/out" "$want"; fi
    diff "$want" "$work/out" >"$work/diff" || fail "not $1: $(cat "$work/diff")"
}
plain setup/plain/whole
says_saved '"installed": true'
# No plan: nothing can be applied, and it says why.
fresh
touch "$work/no-plan"
lines '' '' '' '' '' '' '' $(for i in $(seq 18); do echo "x$i"; done) '!' y | "${setup[@]}" --plain >"$work/out" 2>"$work/err" || fail "no plan: $(cat "$work/err")"
grep -q 'another DHCP server answers on eth1' "$work/out" || fail "no plan: $(cat "$work/out")"
! grep -q -- --yes "$work/calls" || fail "something was done without a plan"

# The terminal is lost while the plan is carried out: it is carried out to its end.
fresh
begin 80x24 vt100 utf8
screen_keys F12; screen_shows "2 of 4"; screen_keys F12; screen_shows "3 of 4"; screen_keys F12; screen_shows "What next"
screen_keys F12; screen_shows "Type yes"; screen_type yes; screen_keys Enter; screen_shows "[>] install 3"
kill -HUP "$(screen_pid)"
touch "$work/go-all"
screen_ended; screen_shows "This machine is a head"
screen_close
[ -e "$work/done-5" ] || fail "it was not carried out to its end"
says_saved '"installed": true'
# Killed at each step while it is under way, and gone on with: what comes of it is what comes of one that nobody disturbed.
result() { (cd "$work" && find root/var done-* -type f -exec sha256sum {} + | sort -k 2); }
result >"$work/undisturbed"
fresh
begin 80x24 vt100 utf8
screen_keys F12; screen_shows "2 of 4"; screen_keys F12; screen_shows "3 of 4"; screen_keys F12
for step in "install 3" write "make RAID" "start orthrusd" "make the first"; do
    screen_shows "What next"; screen_keys F12; screen_shows "Type yes"; screen_type yes; screen_keys Enter
    screen_shows "[>] $step"
    kill -KILL "$(screen_pid)"; screen_ended
    says_saved '"installed": false'
    n=$(ls "$work"/done-* 2>/dev/null | wc -l)
    screen_open 80x24 vt100 utf8 "${setup[@]}"; screen_shows "What next"
    [ "$(ls "$work"/done-* 2>/dev/null | wc -l)" = "$n" ] || fail "after $step: what was carried out went on without anybody"
    # The next time it comes as far as the step behind that one.
    touch "$work/go-$((n + 1))"
done
screen_keys F12; screen_shows "Type yes"; screen_type yes; screen_keys Enter; screen_shows "What comes next"
flat=$(screen_text | tr -s " \n" " "); [[ $flat == *"1 step was done, 4 left as they were."* ]] || fail "the end says: $flat"
screen_keys Enter; screen_shows "orthrusd does not run here"; screen_keys q; screen_ended
result >"$work/killed"
diff "$work/undisturbed" "$work/killed" >"$work/diff" || fail "killed at each step: $(cat "$work/diff")"
# What is pasted by mistake: it stands in its field and is refused there, and the screen is whole.
fresh
begin 80x24 vt100 utf8
screen_keys C-e C-u; head -c 3000 /dev/zero | tr '\0' X >"$work/long"; screen_type "$(cat "$work/long")"; screen_keys Tab; screen_shows "! 'XXXXXX"
says_saved "$(cat "$work/long")"
screen_keys C-u; screen_type "$(printf 'a\302\233b\377c\360\237\220\266\357\273\277d')"; screen_keys Tab; screen_shows "is no name"; screen_shows "DNS domain"
screen_keys C-e C-u; screen_type hound; screen_keys Tab; screen_shows "hound.internal"; screen_hides "is no name"; golden setup/newt/pasted
# Esc stops it after a question; it can be gone on with.
fresh
begin 80x24 vt100 utf8
screen_keys F12; screen_shows "2 of 4"; screen_keys F12; screen_shows "3 of 4"; screen_keys F12; screen_shows "What next"
screen_keys F12; screen_shows "Type yes"; screen_type yes; screen_keys Enter; touch "$work/go-1"; screen_shows "[x] install 3"
screen_keys Escape; screen_shows "Stop after the step"; screen_keys y; screen_shows "stopped before step 2"
screen_keys Enter; screen_shows "What next"
# As long as a step goes on, it says that it stops behind it, and there is nothing more to stop.
touch "$work/slow-to-stop"
screen_keys F12; screen_shows "Type yes"; screen_type yes; screen_keys Enter; screen_shows "[>] write"; screen_shows "< Stop >"
screen_keys C-c; screen_shows "Stop after the step"; screen_keys y; screen_shows "It stops as soon as the step"; screen_hides "< Stop >"
screen_keys Escape; touch "$work/go-2"; screen_shows "stopped before step 2"; rm "$work/slow-to-stop"
# Line by line, Ctrl-C is what asks.
fresh
screen_open 80x40 dumb utf8 "${setup[@]}"; screen_shows "Cluster's name [hound]:"
screen_keys C-c; screen_shows "Leave orthrus-setup?"; screen_type n; screen_keys Enter
for ((n = 0; n < 300; n++)); do [ "$(screen_text | grep -c 'name \[hound\]:')" -gt 1 ] && break; sleep 0.05; done
for ((n = 0; n < 4; n++)); do screen_keys Enter; done; screen_shows "RAID level"
for ((n = 0; n < 2; n++)); do screen_keys Enter; done; screen_shows "page 3 of 4"
for ((n = 0; n < 18; n++)); do screen_keys Enter; done; screen_shows "What next [1]:"; screen_keys Enter
screen_shows "Type yes to begin"; screen_type yes; screen_keys Enter; screen_shows "[1/5] install 3 packages: ..."; screen_shows "Ctrl-C asks"
# The answer is taken before the next Ctrl-C, with which a terminal throws away what nobody has read.
screen_keys C-c; screen_shows "Stop after the step"; screen_keys Enter; touch "$work/go-1"; screen_shows "[2/5] write /etc/orthrus/site.json: ..."
screen_keys C-c; screen_type y; screen_keys Enter
screen_shows "It stops as soon as the step"; screen_shows "stopped before step 2"

# The command line.
"${setup[@]}" --help | grep -q -- '--plain' || fail "--help"
"${setup[@]}" --version | grep -q '^orthrus-setup [0-9]' || fail "--version"
"${setup[@]}" --nothing >"$work/out" 2>&1
[ $? = 2 ] || fail "--nothing: $(cat "$work/out")"
"${setup[@]}" --completion fish >"$work/out" 2>&1
[ $? = 2 ] || fail "--completion fish: $(cat "$work/out")"
# Its completion, in real shells.
mkdir -p "$work/zsh" "$work/here/some-dir"; touch "$work/here/some-file"
"${setup[@]}" --completion bash >"$work/complete" || fail "--completion bash"
"${setup[@]}" --completion zsh >"$work/zsh/_orthrus-setup" || fail "--completion zsh"
cases='orthrus-setup --pl|orthrus-setup --plain
orthrus-setup --da|orthrus-setup --dashboard
orthrus-setup --root some-|orthrus-setup --root some-dir
orthrus-setup --root=some-|orthrus-setup --root=some-dir
orthrus-setup --site some-f|orthrus-setup --site some-file
orthrus-setup --completion z|orthrus-setup --completion zsh
orthrus-setup --plain --nothing|orthrus-setup --plain --nothing'
for shell in bash zsh; do
    command -v zsh >/dev/null || { fail "zsh is not installed"; break; }
    [ $shell = bash ] && script=$work/complete || script=$work/zsh/_orthrus-setup
    (cd "$work/here" && cut -d'|' -f1 <<<"$cases" | zsh -f "$TOP/tests/cli/completion.zsh" $shell "$script") | sed 's|/* *$||' >"$work/lines"
    diff "$work/lines" <(cut -d'|' -f2 <<<"$cases") >"$work/diff" || fail "$shell completes: $(cat "$work/diff")"
done
screen_close
echo '{"version":1,"page":"cluster","installed":false,"drafts":[],"answers":{"a0":"hound","b":"c"}}' >"$saved"
"${setup[@]}" --plain </dev/null >"$work/out" 2>&1 && fail "answers of something else were taken"
grep -q 'setup.json: b: ' "$work/out" && grep -q 'next: .*move it away' "$work/out" || fail "answers of something else: $(cat "$work/out")"
echo '{"version":9}' >"$saved"
"${setup[@]}" --dashboard --plain >"$work/out" 2>&1 || fail "a damaged setup.json forbids the dashboard: $(cat "$work/out")"
grep -q 'orthrusd does not run here' "$work/out" || fail "the dashboard with a damaged setup.json: $(cat "$work/out")"
"${setup[@]}" --plain </dev/null >"$work/out" 2>&1 && fail "a damaged setup.json was taken"
grep -q 'setup.json' "$work/out" || fail "a damaged setup.json: $(cat "$work/out")"
exit $failed
