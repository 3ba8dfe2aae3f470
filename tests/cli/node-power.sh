#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nodes' power by real ipmitool against a simulated BMC, and by Redfish; what a BMC does wrong is an error that says so; and the
# password is found nowhere while all of it runs.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
for p in ipmitool ipmi_sim python3 openssl ss; do command -v $p >/dev/null || { echo "$p is not installed (tools/deps.sh all)"; exit 77; }; done
. "$TOP/tests/cli/daemon.bash"
. "$TOP/tests/lab/bmc.bash"
canary=cAnArY-7Kq9w2

# The canary may be in no argument and no environment of any process: it is looked for all the time. (grep has it from a file.)
watch_proc() {
    while [ ! -e "$work/watched" ]; do
        grep -lsaF -f "$work/password" /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>"$work/leaked"
        echo x >>"$work/looked"
    done
}

port_n01=$(free_udp_port)
ipmi_bmc n01-bmc "$port_n01" "$canary"
redfish_bmc n02-bmc "$canary"
start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add 'n[01-04]' --mac 52:54:00:00:00:01,52:54:00:00:00:02,52:54:00:00:00:03,52:54:00:00:00:04 --group compute >/dev/null || die "node add"
(umask 077; echo "$canary" >"$work/password"; echo wrong-password >"$work/wrong")
watch_proc &
watcher=$!

# Nothing known: it says what is missing, one after the other.
run 1 node power n01
says_like 'the address of its BMC is not known'
says_like 'node set n01 --bmc ADDRESS'
run 0 node set n01 --bmc "127.0.0.1:$port_n01"
run 1 node power n01
says_like 'the user of its BMC is not known'

# Bad input.
run 2 node set n01 --bmc '-oProxyCommand=x'
run 2 node set n01 --bmc '10.0.0.1:0'
run 2 node set n01 --bmc '10.0.0.999'
run 2 node set n01 --bmc '[fd00::1'
run 2 node set n01 --bmc-user '-x'
run 2 node set n01 --bmc-user 'name-longer-than-16-bytes'
run 2 node set n01 --bmc-protocol telnet
run 2 node set n01 --bmc-pin 12:34
run 2 node set 'n[01-02]' --bmc n01-bmc
chmod 644 "$work/password"
run 3 node set n01 --bmc-password-file "$work/password"
says_like 'can be read by others'
chmod 600 "$work/password"
(umask 077; printf 'a\nb\n' >"$work/two"; : >"$work/none"; printf 'longer-than-twenty-bytes' >"$work/long")
run 2 node set n01 --bmc-password-file "$work/two"
run 2 node set n01 --bmc-password-file "$work/none"
run 2 node set n01 --bmc-user admin --bmc-password-file "$work/long"
says_like 'longer than 20 bytes'
run 2 node boot n01
run 2 node boot n01 --on --off
run 2 node boot n01 --off --pxe
run 2 node boot n01 --on --stagger 1.2345
run 1 node power n09

# A plan changes nothing; the password by standard input.
before=$(digest)
run 0 node set n01 --bmc-user admin --bmc-password-file "$work/password" --plan
says_like 'BMC password set, and kept sealed'
[ "$before" = "$(digest)" ] || fail "node set --plan changed the state"
"$orthrus" node set n01 --bmc-user admin --bmc-password-file - <"$work/password" >/dev/null || fail "node set from standard input"
[ "$(stat -c %a "$root/var/lib/orthrus/pki/secrets.key")" = 600 ] || fail "secrets.key may be read by others"

# IPMI: off, on, already on, cycle, off; each is what the machine behind the BMC saw.
run 0 node power n01
says_like '^n01 +off'
run 0 node boot n01 --on --plan
says_like 'n01: switch it on'
[ "$(cat "$work/n01-bmc/power")" = 0 ] || fail "--plan switched it on"
run 0 node boot n01 --on
says_like '^n01 +on +is on'
[ "$(cat "$work/n01-bmc/power")" = 1 ] || fail "--on: the machine is not on"
run 0 node boot n01 --on
says_like 'was on already'
run 0 node boot n01 --net --cycle --pxe
grep -q '^set boot pxe' "$work/n01-bmc/acts" || fail "--pxe: the machine saw $(cat "$work/n01-bmc/acts")"
[ "$(node_value n01 .boot)" = net ] || fail "--net --cycle: it will boot $(node_value n01 .boot)"
run 0 node sensors n01
says_like '^n01 +CPU Temp +45 degrees C +ok'
run 0 node bmc n01 --json
[ "$(jq -r '.nodes[0].facts.version, .nodes[0].bmc.password_set' "$work/out" | tr '\n' ' ')" = '2.0 true ' ] || fail "node bmc: $(cat "$work/out")"
run 0 node identify n01
says_like 'light is on'
run 0 node boot n01 --soft-off
says_like 'asked to shut down'
echo 1 >"$work/n01-bmc/power"
run 0 node boot n01 --off
[ "$(cat "$work/n01-bmc/power")" = 0 ] || fail "--off: the machine is not off"
run 3 node boot n01 --reset
says_like 'it is off'
run 0 event list
says_like 'power off of n01 asked for by uid 0'
says_like 'power off by uid 0: done on n01'
# Switching is an act that was written down before; looking is none.
grep -q '"power off"' "$root/var/log/orthrus/audit.log" || fail "the audit log does not have 'power off': $(tail -n 3 "$root/var/log/orthrus/audit.log")"
! grep -q '"power status"' "$root/var/log/orthrus/audit.log" || fail "the audit log has what was only looked at"

# What it says is how the act ended, and not that it was asked for.
ended() { # WHAT: the last such act, "RESULT TEXT", once it has ended
    local i
    for i in $(seq 100); do
        "$orthrus" audit show --json --limit 1000 | jq -rs --arg w "$1" '[.[] | select(.what == $w)] | last | "\(.result) \(.text)"' >"$work/ended"
        grep -q '^null' "$work/ended" || break
        sleep 0.1
    done
    cat "$work/ended"
}
case $(ended 'power off') in 'done null') ;; *) fail "the end of 'power off' in the audit log: $(cat "$work/ended")" ;; esac
case $(ended 'power reset') in 'failed done on none; failed on n01: n01: it is off'*) ;; *) fail "the end of 'power reset' in the audit log: $(cat "$work/ended")" ;; esac

# A wrong password, nobody there.
run 0 node set n01 --bmc-password-file "$work/wrong"
run 1 node power n01
says_like 'does not accept this password'
run 0 node set n01 --bmc-password-file "$work/password"
run 0 node set n03 --bmc "127.0.0.1:$(free_udp_port)" --bmc-user admin --bmc-password-file "$work/password"

# Redfish: nobody has vouched for its key, so no password goes there. Then it is vouched for.
pin=$(bmc_pin "$work/n02-bmc")
run 0 node set n02 --bmc "127.0.0.1:$redfish_port" --bmc-protocol redfish --bmc-user admin --bmc-password-file "$work/password"
run 3 node power n02
says_like 'nobody has vouched'
run 3 node bmc n02
says_like "$pin"
! grep -q ' credentials' "$work/n02-bmc/requests" || fail "a password went to a BMC that is not trusted"
run 0 node set n02 --bmc-pin "$(echo "$pin" | sed 's/../&:/g; s/:$//')"
run 0 node power n02
says_like '^n02 +off'
run 0 node boot n02 --on --pxe
[ "$(cat "$work/n02-bmc/power")" = On ] || fail "Redfish --on: $(cat "$work/n02-bmc/requests")"
grep -q '"BootSourceOverrideTarget":"Pxe"' "$work/n02-bmc/patched" || fail "Redfish --pxe: $(cat "$work/n02-bmc/patched")"
run 0 node boot n02 --cycle
grep -q 'POST .*"PowerCycle"' "$work/n02-bmc/requests" || fail "Redfish --cycle: $(cat "$work/n02-bmc/requests")"
run 0 node sensors n02
says_like '^n02 +CPU 1 +41.5 degrees C +OK'
says_like '^n02 +Inlet +61 degrees C +Critical +!'
says_like '^n02 +Fan 1 +5640 RPM'
! grep -q 'CPU 2' "$work/out" || fail "a sensor that is absent is shown"
run 0 node bmc n02 --json
[ "$(jq -r '.nodes[0].facts | .maker, .firmware, .key_shown' "$work/out" | tr '\n' ' ')" = "Example 2.71 $pin " ] || fail "node bmc n02: $(cat "$work/out")"
run 0 node show n02
says_like "^BMC +127.0.0.1:$redfish_port, user admin, password set, redfish\$"
says_like "key $pin"
run 0 node show n02 --json
[ "$(jq -r '.bmc.pin, .bmc.protocol, .bmc.password_set' "$work/out" | tr '\n' ' ')" = "$pin redfish true " ] || fail "node show n02: $(cat "$work/out")"

# One dead among several: the others are done, and it is named.
run 4 node power 'n[01-04]'
says_like '^n01 +off'
says_like '^n02 +on'
says_like 'n03: '
says_like 'n04: the address of its BMC is not known'

# What a BMC may do wrong.
misbehaves() { # MODE CODE TEXT
    echo "$1" >"$work/n02-bmc/mode"
    run "$2" node power n02
    says_like "$3"
}
misbehaves not-json 1 "answer to /redfish/v1/"
misbehaves wrong-type 1 'PowerState'
misbehaves deep 1 "answer to /redfish/v1/"
misbehaves huge 1 'longer than'
misbehaves 500 1 'HTTP 500.*out of order'
misbehaves redirect 3 'sends us elsewhere'
misbehaves two 3 'manages 2 systems'
misbehaves elsewhere 1 'a link that is not one of its own'
echo no-cycle >"$work/n02-bmc/mode"
run 1 node boot n02 --cycle
says_like 'says that it cannot cycle the power'
rm "$work/n02-bmc/mode"
(umask 077; echo other >"$work/n02-bmc/password")
run 1 node power n02
says_like 'in with this password'

# Another certificate at the same address: refused before the password is sent.
kill "$redfish_pid" && wait "$redfish_pid" 2>/dev/null
rm "$work/n02-bmc/crt.pem" "$work/n02-bmc/requests"
redfish_bmc n02-bmc "$canary"
echo "{\"bmc\":{\"address\":\"127.0.0.1:$redfish_port\",\"pin\":\"$pin\"}}" >"$work/patch"
api PATCH /v1/nodes/n02 "$(cat "$work/patch")"
want 200 "the address of the BMC that has a new key"
run 3 node power n02
says_like 'another public key'
[ ! -s "$work/n02-bmc/requests" ] || fail "something was sent to a BMC with another key: $(cat "$work/n02-bmc/requests")"
# A new address has a new key: the old one is not good for it.
run 0 node set n02 --bmc 127.0.0.1:1
[ "$(node_value n02 .bmc.pin)" = null ] || fail "the key of the old address is kept for the new one"

# One after the other.
run 0 node set n03 --bmc "127.0.0.1:$port_n01"
api POST /v1/power '{"nodes":["n01","n03"],"act":"status","stagger_ms":1500}'
want 202 "a staggered request"
job=$(value .job)
api GET "/v1/power/$job?seen=0&wait=20"
[ "$(value '.finished, .done' | tr '\n' ' ')" = '1 false ' ] || fail "both of two that are staggered are done at once: $(cat "$body")"
api GET "/v1/power/$job?seen=1&wait=20"
[ "$(value '.finished, .done' | tr '\n' ' ')" = '2 true ' ] || fail "the second: $(cat "$body")"
api GET /v1/power/0000000000000000; want 404 'a job that never was'
for said in '{"nodes":[],"act":"on"}' '{"nodes":["n01"],"act":"explode"}' '{"nodes":["n01","n01"],"act":"on"}' '{"nodes":["n01"]}' \
    '{"nodes":["n01"],"act":"status","network":true}' '{"nodes":["n01"],"act":"on","stagger_ms":60001}'; do
    api POST /v1/power "$said"; want 400 "body $said"
done

# A node that is removed leaves nothing of its BMC behind.
run 0 node remove n01 --yes
! "$orthrus" node show n01 >/dev/null 2>&1 || fail "n01 is still there"

touch "$work/watched"
wait "$watcher"
[ -s "$work/looked" ] || fail "nobody looked at the processes"
[ ! -s "$work/leaked" ] || fail "the password was seen: $(sort -u "$work/leaked")"
# Nor in what is written down: the log, the state and its copies, answers.
"$orthrus" event list --json >"$work/events"
api GET /v1/nodes
cp "$body" "$work/nodes"
found=$(grep -rlaF -- "$canary" "$root" "$work/log" "$work/events" "$work/nodes" 2>/dev/null)
[ -z "$found" ] || fail "the password is in $found"

# A daemon that ends in the middle of an act says that it did not come to its end.
touch "$work/n01-bmc/stuck"
echo 1 >"$work/n01-bmc/power"
api POST /v1/power '{"nodes":["n03"],"act":"off"}'; want 202 "an act that takes long"
stop_daemon TERM
case $(ended 'power off') in failed*'the daemon ended'*) ;; *) fail "the end of an act in whose middle the daemon ended: $(cat "$work/ended")" ;; esac
found=$(grep -rlaF -- "$canary" "$root" "$work/log")
[ -z "$found" ] || fail "the password is in $found after the end"
[ "$failed" = 0 ] && echo ok
exit $failed
