#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A node's console: what is typed comes to the node, what it prints to all that look, and stays in the log. ipmitool is played by a
# script that checks what it is given; unit and power tests have the real one.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
canary=cAnArY-7Kq9w2

mkdir "$work/bin"
cat >"$work/bin/ipmitool" <<'EOS'
#!/bin/bash
# Its password is the first line of standard input; then that is what is typed. The node echoes, as a login prompt does.
dir=${0%/bin/*}
IFS= read -r password
[ "$password" = "$(cat "$dir/password")" ] || { echo '> RAKP 2 HMAC is invalid' >&2; exit 1; }
case "$*" in
*"chassis status"*) echo "System Power         : on"; exit 0 ;;
*"sol deactivate"*) echo "Info: SOL payload already de-activated" >&2; exit 1 ;;
*"sol activate"*) ;;
*) echo "what is $*" >&2; exit 1 ;;
esac
[ ! -e "$dir/refuse" ] || { echo 'Error: SOL payload disabled' >&2; exit 1; }
printf '[SOL Session operational.  Use \x1d? for help]\n'
printf 'n01 login: '
exec cat
EOS
chmod +x "$work/bin/ipmitool"
(umask 077; echo "$canary" >"$work/password"; echo wrong >"$work/wrong")
PATH=$work/bin:$PATH start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add 'n[01-02]' --mac 52:54:00:00:00:01,52:54:00:00:00:02 --group compute >/dev/null || die "node add"
"$orthrus" node set n01 --bmc 127.0.0.1 --bmc-user admin --bmc-password-file "$work/password" >/dev/null || die "node set"

log=$root/var/lib/orthrus/console/n01.log
seen() { # FILE TEXT: waits for it
    local i
    for i in $(seq 300); do
        grep -qaF -- "$2" "$1" 2>/dev/null && return 0
        sleep 0.05
    done
    fail "'$2' does not come to $1: $(od -c "$1" 2>/dev/null | head -n 20)"
}

# Two that look, one of whom types: both see what the node prints, and what was printed before only the log has.
mkfifo "$work/keys"
"$orthrus" node console n01 <"$work/keys" >"$work/one" 2>"$work/one.err" &
one=$!
exec 7>"$work/keys"
seen "$work/one" 'n01 login: '
"$orthrus" node console n01 </dev/null >"$work/two" 2>"$work/two.err" &
two=$!
seen "$work/log" 'console opened by uid 0'
for i in $(seq 300); do [ "$(grep -c 'console opened' "$work/log")" = 2 ] && break; sleep 0.05; done
printf 'root\r' >&7
seen "$work/one" 'root'
seen "$work/two" 'root'
grep -q operational "$work/one" && fail "what ipmitool says itself is shown: $(cat "$work/one")"
grep -q 'n01 login' "$work/two" && fail "what was printed before is shown again"
printf '\xff\x00\x1b[2J~.end' >&7
seen "$work/one" '~.end'
seen "$work/two" '~.end'
[ "$(tail -c 11 "$work/one" | od -An -tx1 | tr -d ' \n')" = ff001b5b324a7e2e656e64 ] || fail "bytes are changed on the way: $(tail -c 20 "$work/one" | od -c)"
kill "$one" "$two" 2>/dev/null
exec 7>&-
wait "$one" "$two" 2>/dev/null
"$orthrus" node console n01 --log >"$work/out" || fail "--log"
cmp -s "$work/out" "$work/one" || fail "--log is not what was seen: $(od -c "$work/out" | head)"
[ "$(stat -c %a "$log")" = 600 ] || fail "the log of a console may be read by others"

# At a terminal: Enter ~ . leaves, and the terminal is as it was.
if command -v script >/dev/null; then
    (seen "$work/tty" 'leaves it'; printf 'xyzzy\r'; seen "$log" xyzzy; printf '~~y\r~.'; seen "$work/tty" left-with) |
        timeout 20 script -qefc "stty -a >$work/before; $orthrus node console n01; echo left-with-\$?; stty -a >$work/after" "$work/tty" >/dev/null 2>&1
    seen "$work/tty" 'left-with-0'
    seen "$log" '~y'
    cmp -s "$work/before" "$work/after" || fail "the terminal is left as it was not: $(diff "$work/before" "$work/after")"
fi

# What can be wrong.
"$orthrus" node console n02 </dev/null >"$work/out" 2>"$work/err" && fail "a node without BMC has a console"
grep -q 'the address of its BMC is not known' "$work/err" || fail "node console n02: $(cat "$work/err")"
"$orthrus" node set n02 --bmc 127.0.0.1 --bmc-user admin --bmc-password-file "$work/wrong" >/dev/null
timeout 30 "$orthrus" node console n02 </dev/null >"$work/out" 2>"$work/err" && fail "a wrong password gives a console"
grep -q 'does not accept this password' "$work/err" || fail "a wrong password: $(cat "$work/err")"
"$orthrus" node set n02 --bmc-password-file "$work/password" >/dev/null
touch "$work/refuse"
timeout 30 "$orthrus" node console n02 </dev/null >"$work/out" 2>"$work/err" && fail "a console that is disabled is there"
grep -q 'serial over LAN disabled' "$work/err" || fail "disabled: $(cat "$work/err")"
"$orthrus" node console n09 </dev/null 2>/dev/null && fail "a node that is none has a console"
"$orthrus" node console 'n[01-02]' </dev/null >/dev/null 2>&1; [ $? = 2 ] || fail "the console of two nodes"
for said in '{"input":""}' '{"input":"0"}' '{"input":"zz"}' '{"inputs":"00"}' '[]'; do
    api POST /v1/console/n01 "$said"; want 400 "body $said"
done
api POST /v1/console/..%2fn01 '{}'; want 404 'a node whose name is a path'
api GET '/v1/console/n01?since=99999999'; want 200 'past the end'

stop_daemon TERM
[ "$daemon_rc" = 0 ] || fail "with a console open the daemon ended with $daemon_rc"
found=$(grep -rlaF -- "$canary" "$root" "$work/log")
[ -z "$found" ] || fail "the password is in $found"
[ "$failed" = 0 ] && echo ok
exit $failed
