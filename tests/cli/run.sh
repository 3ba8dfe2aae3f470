#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run itself, over tests of its own: side by side in any order all are counted, what is to be alone is, failures are shown, and
# nothing runs on behind it, however it ends.
set -u
unset CI # but where it is what is tested
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-run.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
mkdir -p "$work"/tests/{cli,lint,fuzz,unit,netns,sim,vm} "$work"/tests/fuzz/corpus/bytes "$work"/build/tests/{unit,fuzz} "$work/tmp"
cp "$TOP/tests/run" "$work/tests/run"
export WORK=$work TMPDIR=$work/tmp
put() { # KIND/NAME [HEAD]: the rest of the test is on standard input
    { printf '#!/bin/bash\n%s\n' "${2:-}"; cat; } >"$work/tests/$1.sh"
    chmod +x "$work/tests/$1.sh"
}
check() { # EXIT-STATUS ARGUMENTS...: its output is in $work/out
    local want=$1 rc
    shift
    "$work/tests/run" "$@" >"$work/out" 2>&1 </dev/null; rc=$?
    [ $rc = "$want" ] || fail "run $*: exit $rc, not $want: $(cat "$work/out")"
}
says() { grep -qE -- "$1" "$work/out" || fail "not said: '$1': $(cat "$work/out")"; }
silent() { ! grep -qE -- "$1" "$work/out" || fail "said: '$1': $(cat "$work/out")"; }
counts() { [ "$(grep -E '^[0-9]+ passed' "$work/out")" = "$1" ] || fail "not '$1': $(cat "$work/out")"; }

# Two that each wait for the other's beginning: they end when they run side by side. Whoever is alone sees nobody.
meet='n=$(basename "$0" .sh); touch "$WORK/is-$n"; for _ in $(seq 1000); do [ -e "$WORK/is-$other" ] && break; sleep 0.01; done; [ -e "$WORK/is-$other" ] || exit 1'
put cli/left 'other=right' <<<"$meet; echo 'RESULT left met=1'"
put netns/right 'other=left' <<<"$meet; echo 'RESULT right met=1'"
note='touch "$WORK/now-$$"; sleep 0.05; rm "$WORK/now-$$"'
for n in 1 2 3 4; do put cli/quick$n <<<"$note"; done
lone='[ -z "$(ls "$WORK" | grep now-)" ] || { echo "FAIL: not alone: $(ls "$WORK")"; exit 1; }; touch "$WORK/now-$$"; sleep 0.1; [ "$(ls "$WORK" | grep -c now-)" = 1 ] && rm "$WORK/now-$$"'
put cli/first '# alone: it measures' <<<"$lone; echo 'RESULT first a=1'"
put lint/second '# alone: it does too' <<<"$lone"
put lint/plain <<<'exit 0'
# A unit test says it in its source; a fuzz target gets its corpus.
printf '/* SPDX */\n/* alone: a speed */\n' >"$work/tests/unit/speed.c"
printf '#!/bin/bash\n%s\n' "$lone" >"$work/build/tests/unit/speed"
: >"$work/tests/fuzz/bytes.c"
printf '#!/bin/bash\n[ "$1" = tests/fuzz/corpus/bytes ]\n' >"$work/build/tests/fuzz/bytes"
chmod +x "$work/build/tests/unit/speed" "$work/build/tests/fuzz/bytes"
# Few at a time are beside those that are to have calm.
for n in 1 2; do
    put netns/calm$n '# calm: it is in a hurry' <<<'touch "$WORK/now-$$"; for _ in $(seq 40); do [ "$(ls "$WORK" | grep -c now-)" -le "$(nproc)" ] || exit 1; sleep 0.01; done; rm "$WORK/now-$$"'
done
# Beside machines are those that only compute, and these give way, and those that wait; alone they need not.
put vm/smoke '# alone: machines' <<<'touch "$WORK/machine"; for _ in $(seq 1000); do [ -e "$WORK/computed" ] && [ -e "$WORK/waited" ] && exit; sleep 0.01; done; exit 1'
put netns/waits '# waits: it does' <<<'for _ in $(seq 1000); do [ -e "$WORK/machine" ] && break; sleep 0.01; done; n=$(ps -o ni= $$); [ $n = 19 ] || [ $n = $((NICE + 10)) ] && touch "$WORK/waited"'
NICE=$(nice)
export NICE
put sim/model '# patient: it computes' <<<'[ $(ps -o ni= $$) = $([ -e "$WORK/machine" ] && echo 19 || nice) ] && touch "$WORK/computed"'
export JOBS=3
check 0 --kind sim
rm "$work/computed"
check 0
counts '16 passed, 0 failed, 0 skipped'
rm "$work"/tests/{vm/smoke,sim/model,netns/waits,netns/calm1,netns/calm2}.sh
for n in vm/smoke sim/model netns/waits netns/calm1 netns/calm2 cli/left netns/right cli/quick{1,2,3,4} cli/first lint/second lint/plain unit/speed fuzz/bytes; do
    [ "$(grep -cE "^$n +[0-9]+\.[0-9]{3} s  ok$" "$work/out")" = 1 ] || fail "$n has not one line: $(cat "$work/out")"
done
[ "$(tail -n 3 "$work/out" | grep -c '^RESULT ')" = 3 ] || fail "the RESULT lines are not the last: $(cat "$work/out")"
[ -z "$(ls -A "$TMPDIR")" ] || fail "it leaves $(ls -A "$TMPDIR")"
# One at a time the two never meet.
rm "$work"/is-*
sed -i 's/seq 1000/seq 20/' "$work"/tests/{cli/left,netns/right}.sh
JOBS=1 check 1
counts '10 passed, 1 failed, 0 skipped'
rm "$work"/tests/cli/left.sh "$work"/tests/netns/right.sh

# Failed, killed, skipped, not there: each counted as what it is, its log shown, and what failed once more at the end.
put cli/bad <<<'echo one; echo "FAIL: two is not three"; exit 3'
put cli/killed <<<'kill -KILL $$'
put cli/all-killed <<<'kill -KILL 0'
put lint/without <<<'echo "needs a unicorn"; exit 77'
: >"$work/tests/unit/unbuilt.c"
check 1
counts '9 passed, 4 failed, 1 skipped'
says '^cli/bad +[0-9.]+ s  FAILED \(3\)$'
says '^    \| one$'
says '^cli/killed +[0-9.]+ s  FAILED \(137\)$'
says '^cli/all-killed +[0-9.]+ s  FAILED \(137\)$'
says '^unit/unbuilt +[0-9.]+ s  FAILED'
says '^lint/without +[0-9.]+ s  skipped: needs a unicorn$'
[ "$(sed -n '/^FAILED cli\/bad:$/,$p' "$work/out" | grep -c '^    | FAIL: two is not three')" -ge 1 ] || fail "what failed is not told again at the end: $(cat "$work/out")"
# A skip is no failure, but in CI.
check 0 --kind lint
CI=true check 1 --kind lint
rm "$work"/tests/cli/{killed,all-killed}.sh "$work/tests/unit/unbuilt.c"

# Named: their output as it comes, once, and nothing else runs.
check 1 cli/bad quick1
counts '1 passed, 1 failed, 0 skipped'
says '^FAIL: two is not three$'
silent 'lint/'
check 0 cli/first
[ "$(tail -n 1 "$work/out")" = 'RESULT first a=1' ] || fail "the RESULT line is not the last: $(cat "$work/out")"
check 2 cli/nobody
says "no test matches 'cli/nobody'"
check 2 --level none
JOBS=many check 2
says "JOBS is 'many'"

# Ctrl-C, or whoever ends it: the tests clean up, and what they began ends, even if it does not want to.
put cli/waits <<'SH'
trap 'touch "$WORK/cleaned"; kill $(jobs -p)' EXIT
trap 'exit 130' INT TERM
bash -c 'trap "" INT TERM; touch "$WORK/deaf"; exec -a "$WORK/deaf" sleep 1000' &
exec 4<>"$WORK/run-fifo"
touch "$WORK/waiting"
read -r -u 4
SH
mkfifo "$work/run-fifo"
for signal in TERM INT; do
    [ $signal = TERM ] || sed -i 's/trap "" INT TERM; //' "$work/tests/cli/waits.sh" # once is enough: that takes ten seconds
    rm -f "$work"/{cleaned,waiting,deaf}
    env --default-signal=INT "$work/tests/run" --kind cli >"$work/out" 2>&1 </dev/null &
    pid=$!
    for _ in $(seq 1000); do [ -e "$work/waiting" ] && [ -e "$work/deaf" ] && break; sleep 0.01; done
    kill -s $signal $pid
    wait $pid; rc=$?
    [ $rc = 130 ] || fail "SIG$signal: exit $rc: $(cat "$work/out")"
    [ -e "$work/cleaned" ] || fail "SIG$signal: the test could not clean up"
    for _ in $(seq 200); do pgrep -f "^$work/deaf" >/dev/null || break; sleep 0.01; done
    pgrep -f "^$work/deaf" >/dev/null && fail "SIG$signal: what a test began runs on"
    [ -z "$(ls -A "$TMPDIR")" ] || fail "SIG$signal: it leaves $(ls -A "$TMPDIR")"
done
exit $failed
