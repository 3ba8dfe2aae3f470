#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A head is believed to be off when it was ordered to be, and then read to be off; by real ipmitool and a simulated BMC, by Redfish, and
# by a fence agent. Whatever goes wrong is no confirmation, and no password is an argument of anything.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: passwords are root's"; exit 77; }
for p in ipmitool ipmi_sim python3 openssl ss jq; do command -v $p >/dev/null || { echo "$p is not installed (tools/deps.sh all)"; exit 77; }; done
. "$TOP/tests/cli/daemon.bash"
. "$TOP/tests/lab/bmc.bash"
canary=cAnArY-7Kq9w2
(umask 077; echo $canary >"$work/password"; echo wrong-password >"$work/wrong")

fences() { # JQ of an array: what pair.fences is
    jq "$1 as \$f | .pair = {fences: \$f}" "$TOP/tests/golden/site/ok-pair.json" >"$work/site.json" || die "$1"
}
fence() { # EXIT LIKE [SECONDS]: what becomes of it
    local rc
    "$BUILD/tests/lab/fence_tool" "$work/site.json" head2 "${3:-20}" >"$work/said" 2>&1 </dev/null; rc=$?
    [ $rc = "$1" ] && grep -q "$2" "$work/said" || fail "not exit $1 and '$2': exit $rc, $(cat "$work/said")"
    ! grep -qsF -f "$work/password" "$work/said" || fail "it says the password"
}
watch_proc() {
    while [ ! -e "$work/watched" ]; do
        grep -lsaF -f "$work/password" /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>"$work/leaked"
        echo x >>"$work/looked"
    done
}
watch_proc &
watcher=$!

# IPMI.
port=$(free_udp_port)
ipmi_bmc bmc "$port" $canary
echo 1 >"$work/bmc/power"
ipmi="{head: \"head2\", driver: \"ipmi\", address: \"127.0.0.1:$port\", user: \"admin\", password_file: \"$work/password\"}"
fences "[$ipmi]"
fence 0 confirmed
[ "$(cat "$work/bmc/power")" = 0 ] || fail "IPMI: it is on"
grep -q '^set power 0' "$work/bmc/acts" || fail "IPMI: nobody switched it off: $(cat "$work/bmc/acts")"
fence 0 confirmed # it is off: said again
echo 1 >"$work/bmc/power"
: >"$work/bmc/stuck" # the BMC says yes, and nothing happens
fence 1 'failed: switch head2 off by ipmi: its power is still on' 2
rm "$work/bmc/stuck"
fences "[$ipmi | .password_file = \"$work/wrong\"]"
fence 1 'failed: switch head2 off by ipmi: head2: ' 2
[ "$(cat "$work/bmc/power")" = 1 ] || fail "IPMI: it went off with a wrong password"
fences "[$ipmi | .address = \"127.0.0.1:1\"]"
fence 1 'failed: switch head2 off by ipmi: head2: ' 2
chmod 640 "$work/password"
fences "[$ipmi]"
fence 1 'nobody else can read'
chmod 600 "$work/password"
ln -s password "$work/link"
fences "[$ipmi | .password_file = \"$work/link\"]"
fence 1 'failed: password of a fence'

# Redfish.
redfish_bmc redfish $canary
echo On >"$work/redfish/power"
redfish="{head: \"head2\", driver: \"redfish\", address: \"127.0.0.1:$redfish_port\", user: \"admin\", password_file: \"$work/password\", pin: \"$(bmc_pin "$work/redfish")\"}"
fences "[$redfish]"
fence 0 confirmed
[ "$(cat "$work/redfish/power")" = Off ] || fail "Redfish: it is on"
for mode in stuck 500 not-json wrong-type redirect two elsewhere; do
    echo On >"$work/redfish/power"
    echo $mode >"$work/redfish/mode"
    fence 1 'failed: switch head2 off by redfish: ' 1
done
rm "$work/redfish/mode"
fences "[$redfish | .pin = \"$(printf '0%.0s' $(seq 64))\"]"
: >"$work/redfish/requests"
fence 1 'failed: switch head2 off by redfish: ' 1
! grep -q credentials "$work/redfish/requests" || fail "Redfish: a BMC that nobody vouched for got the password"

# A fence agent: on standard input it gets its options; its power is a file.
mkdir "$work/bin"
cat >"$work/bin/fence_lab" <<'EOS'
#!/bin/bash
dir=${0%/*}/..
echo "$#" >>"$dir/agent.args"
input=$(cat)
action=$(sed -n 's/^action=//p' <<<"$input")
plug=$(sed -n 's/^plug=//p' <<<"$input")
[ "$action" = off ] && printf '%s\n' "$input" >"$dir/agent.input"
mode=$(cat "$dir/agent.mode" 2>/dev/null)
case "$mode" in
fails) echo "Failed: connection timed out" >&2; exit 1 ;;
blabs) echo "Failed: login with $(sed -n 's/^password=//p' <<<"$input")" >&2; exit 1 ;;
hangs) exec sleep 100 ;;
esac
case "$action" in
off) [ "$mode" = stuck ] || echo off >"$dir/agent.power$plug"; exit 0 ;;
status) [ "$mode" != odd ] || exit 5; [ "$(cat "$dir/agent.power$plug")" = off ] && exit 2; exit 0 ;;
esac
exit 1
EOS
chmod +x "$work/bin/fence_lab"
export PATH=$work/bin:$PATH
agent="{head: \"head2\", driver: \"fence-agent\", agent: \"fence_lab\", options: [\"ip=10.3.0.9\", \"plug=3\"], password_file: \"$work/password\"}"
power() { echo "$1" | tee "$work/agent.power3" >"$work/agent.power4"; }
fences "[$agent]"
power on
fence 0 confirmed
printf 'action=off\nip=10.3.0.9\nplug=3\npassword=%s\n' $canary | cmp -s - "$work/agent.input" || fail "the agent was told $(cat "$work/agent.input")"
grep -qvx 0 "$work/agent.args" && fail "the agent got arguments"
for mode in fails stuck odd; do
    power on
    echo $mode >"$work/agent.mode"
    fence 1 'failed: switch head2 off by fence-agent: ' 1
done
power on
echo blabs >"$work/agent.mode"
fence 1 'fence_lab off: exit 1$' 1
echo hangs >"$work/agent.mode"
fence 1 'failed: switch head2 off by fence-agent: ' 1
rm "$work/agent.mode"
fences "[$agent | .agent = \"fence_none\"]"
fence 1 'failed: switch head2 off by fence-agent: .*fence_none' 1

# Two supplies: both, or it is not off. A person's word is waited for when the machines said yes.
fences "[$agent, ($agent | .options = [\"plug=4\"])]"
power on
fence 0 confirmed
[ "$(cat "$work/agent.power4")" = off ] || fail "the second supply is on"
power on
fences "[$agent, ($redfish | .address = \"127.0.0.1:1\")]"
fence 1 'failed: switch head2 off by redfish: ' 1
fences "[$agent, {head: \"head2\", driver: \"manual\"}]"
power on
fence 3 'waits: an administrator has to see that head2 is off'
[ "$(cat "$work/agent.power3")" = off ] || fail "nobody tried, before a person is asked"
fences '[{head: "head2", driver: "manual"}]'
fence 3 waits
fences '[{head: "head1", driver: "manual"}]' # the other head's
fence 1 'failed: there is nothing that could switch head2 off'

: >"$work/watched"
wait $watcher
[ "$(wc -l <"$work/looked")" -ge 20 ] || fail "nobody looked for the password"
[ ! -s "$work/leaked" ] || fail "the password is an argument: $(sort -u "$work/leaked")"
exit $failed
