#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus-imager outside of a network-booted machine: it explains itself, names what is wrong, and refuses to touch anything.
set -u
imager=$BUILD/orthrus-imager
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

# expect CODE STREAM TEXT -- OPTIONS...: exit code, and TEXT (a fixed string) somewhere in "out" or "err".
expect() {
    local code=$1 stream=$2 text=$3 rc
    shift 4
    timeout 60 "$imager" "$@" >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    [ $rc = "$code" ] || fail "orthrus-imager $*: exit $rc, not $code: $(cat "$work/out" "$work/err")"
    grep -qF -- "$text" "$work/$stream" || fail "orthrus-imager $*: '$text' is not on std$stream: $(cat "$work/$stream")"
}

expect 0 out 'usage: orthrus-imager' -- --help
[ -s "$work/err" ] && fail "--help writes to standard error"
# Every option of the help is in the manual page, and the other way round.
grep -oE -- '^  --[a-z]+|, --[a-z]+' "$work/out" | grep -oE -- '--[a-z]+' | sort -u >"$work/help"
grep '^\.It Fl ' "$TOP/docs/man/orthrus-imager.8" | grep -oE 'Fl -[a-z]+' | sed 's/^Fl -/--/' | sort -u >"$work/man"
diff "$work/help" "$work/man" || fail "help and manual page name different options"
expect 0 out 'orthrus-imager 0.' -- --version
expect 2 err "unknown option '--frobnicate'" -- --frobnicate
expect 2 err "needs a value" -- --server
expect 2 err "unexpected argument 'now'" -- now

echo "quiet root=/dev/sda1" >"$work/cmdline"
expect 2 err 'which network interface' -- --cmdline "$work/cmdline"
expect 2 err 'BOOTIF=' -- --cmdline "$work/cmdline"
expect 2 err 'where is the head' -- --cmdline "$work/cmdline" --mac 52:54:00:77:00:01
echo "orthrus.server=http://10.77.0.1 BOOTIF=01-52-54-00-77-00-01" >"$work/cmdline"
expect 2 err 'kernel command line: orthrus.server' -- --cmdline "$work/cmdline"
expect 2 err 'kernel command line: BOOTIF' -- --server https://10.77.0.1:8443 --mac nonsense
expect 1 err "$work/none" -- --cmdline "$work/none"

# Only where the root is a RAM disk: elsewhere even an idle array is none of its business.
case $(stat -f -c %T /) in
tmpfs | ramfs) echo "root is a RAM disk here: not asked to refuse" ;;
*)
    echo "orthrus.server=https://127.0.0.1:9 BOOTIF=01-52-54-00-77-00-01" >"$work/cmdline"
    expect 3 err 'not started from the network' -- --cmdline "$work/cmdline" --target "$work/target" --trust "$work"
    [ -e "$work/target" ] && fail "it made its target directory although it refused"
    ;;
esac
exit $failed
