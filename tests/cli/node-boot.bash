# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of `node boot` share: a cluster with the node n01, which enrolled and was never installed. Sourced, not run.
for p in curl jq openssl ssh-keygen; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
mac=52:54:00:00:00:01
run() { # EXIT-STATUS ARGUMENTS
    local want=$1 rc; shift
    "$orthrus" "$@" >"$work/out" 2>&1; rc=$?
    [ $rc = "$want" ] || fail "orthrus $*: exit $rc, not $want: $(cat "$work/out")"
}
says() { grep -q -- "$1" "$work/out" || fail "'$1' is not in: $(cat "$work/out")"; }
action() { hello $mac "$(machine $mac s)"; want 200 hello; value .action; } # what n01 is told to do
question() { # NAME [JSON]: about an ssh host key of n01, which is in $work/NAME
    [ -e "$work/$1" ] || ssh-keygen -q -t ed25519 -N '' -C x -f "$work/$1"
    host_key $mac n01 "$work/$1" "${2:-}"
}
certify() { imager $mac POST /v1/hostkey "$(question "$@")"; }

make_site --trust-mac
tiny_image compute
start_daemon
run 0 site apply --yes
run 0 node add n01 --group compute --mac $mac
port=$(tls_port)
settle
[ "$(action)" = wait ] || fail "a node that was never installed: $(cat "$body")"
