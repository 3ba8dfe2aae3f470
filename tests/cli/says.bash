# SPDX-License-Identifier: GPL-2.0-or-later
# What tests of the command line share: run a command, look at what it said. $orthrus and $work are the test's. Sourced, not run.
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

run() { # EXIT-STATUS WORDS...: its output is in $work/out and $work/err
    local want=$1 rc
    shift
    "$orthrus" "$@" >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    [ $rc = "$want" ] || fail "orthrus $*: exit $rc, not $want: $(cat "$work/out" "$work/err")"
}
says() { grep -qF -- "$1" "$work/out" "$work/err" || fail "'$1' is not said: $(cat "$work/out" "$work/err")"; }
says_like() { grep -qE -- "$1" "$work/out" "$work/err" || fail "'$1' is not said: $(cat "$work/out" "$work/err")"; }
silent() { ! grep -qF -- "$1" "$work/out" "$work/err" || fail "'$1' is said: $(cat "$work/out" "$work/err")"; }
