#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: its RESULT is a time
# Nodes as a table: what is exported is imported without a change, all problems are said at once and then nothing is done, and a node
# without a MAC address waits for its machine.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
m=52:54:00:00

import() { # ARGUMENTS...; sets $rc, output in $work/out, errors in $work/err
    "$orthrus" node import "$@" >"$work/out" 2>"$work/err" </dev/null; rc=$?
}
says() { grep -qF -- "$1" "$work/err" || fail "$2: '$1' is not said: $(cat "$work/err")"; }

start_daemon
"$orthrus" site init --interface eth0 --head-name head1 --subnet 10.77.0.0/18 --head-address 10.77.0.1 --trust-mac >/dev/null || die "site init"
"$orthrus" site apply --yes >/dev/null || die "site apply"
port=$(tls_port)

# A table as a spreadsheet writes it: byte order mark, CRLF, quotes, columns in another order.
printf '\xef\xbb\xbfName,MAC,group,ipv4,Serial,switch,port\r\n"n01",%s:00:01,compute,,,,\r\nn02,"52-54-00-00-00-02 %s:00:12",compute,10.77.1.2,"A ""1""",,\r\n\r\nn03,,compute,,S3,,\r\nn04,,compute,,,sw-r1,Ethernet1/4\r\n' \
    "$m" "$m" >"$work/a.csv"
before=$(digest)
import "$work/a.csv" --plan
[ "$rc" = 0 ] || fail "plan: $(cat "$work/err")"
[ "$before" = "$(digest)" ] || fail "--plan changed the state"
[ "$(grep -c 'add n0' "$work/out")" = 4 ] || fail "plan: $(cat "$work/out")"
grep -q 'add n03: .* the machine with serial number S3 when it arrives' "$work/out" || fail "the plan does not say what n03 waits for"
import "$work/a.csv"
[ "$rc" = 0 ] || fail "import: $(cat "$work/err")"
[ "$(node_value n02 '.macs + [.ipv4, .serial] | join(" ")')" = "$m:00:02 $m:00:12 10.77.1.2 A \"1\"" ] || fail "n02: $(node_value n02 .)"
[ "$(node_value n03 '[.macs, .serial] | tojson')" = '[[],"S3"]' ] || fail "n03: $(node_value n03 .)"
[ "$(node_value n04 '.switch + " " + .port')" = 'sw-r1 Ethernet1/4' ] || fail "n04: $(node_value n04 .)"
"$orthrus" node list | grep -q '^n03 .*waits for its machine' || fail "list: $("$orthrus" node list)"
"$orthrus" node show n04 | grep -q '^switch *sw-r1' || fail "show: $("$orthrus" node show n04)"
grep -q n03 "$root"/srv/orthrus/tftp/grub/nodes/* 2>/dev/null && fail "GRUB has a file for a machine that nobody has seen"

# Again, and what is exported: nothing to change.
before=$(digest)
import "$work/a.csv"
[ "$rc" = 0 ] && grep -q 'nothing to change' "$work/out" || fail "the same again: $(cat "$work/out" "$work/err")"
"$orthrus" node export >"$work/b.csv" || fail "export"
import "$work/b.csv"
[ "$rc" = 0 ] && grep -q 'nothing to change' "$work/out" || fail "an exported table: $(cat "$work/out" "$work/err" "$work/b.csv")"
[ "$before" = "$(digest)" ] || fail "importing the same changed the state"
[ "$("$orthrus" node export n0[1-2] | wc -l)" = 3 ] || fail "export of two: $("$orthrus" node export n0[1-2])"
"$orthrus" node export --json | jq -e '.nodes | length == 4' >/dev/null || fail "export --json"
"$orthrus" node export n09 >/dev/null 2>&1 && fail "export of a node that there is not"

# Changes: an empty cell says nothing, "-" takes back; two nodes may change their addresses with each other.
printf 'name,serial,mac,ipv4\nn02,-,%s:00:01,%s\nn01,,%s:00:02,10.77.1.2\nn04,S4,,\n' $m "$(node_value n01 .ipv4)" $m | "$orthrus" node import - >"$work/out" 2>&1 ||
    fail "exchange: $(cat "$work/out")"
[ "$(node_value n01 '.ipv4 + .macs[0]')" = "10.77.1.2$m:00:02" ] || fail "n01 after the exchange: $(node_value n01 .)"
[ "$(node_value n02 .serial)" = null ] || fail "n02 has its serial number still"
[ "$(node_value n04 '.switch + .serial')" = sw-r1S4 ] || fail "n04: $(node_value n04 .)"
printf 'name,switch,port,mac\nn04,-,-,%s:00:04\n' $m >"$work/c.csv"
import "$work/c.csv"
[ "$rc" = 0 ] && [ "$(node_value n04 .switch)" = null ] || fail "n04 is at a switch still: $(cat "$work/err")"

# Every problem, with its line, at once; nothing is changed.
cat >"$work/bad.csv" <<E
name,group,mac,ipv4,serial,switch,port
n10,compute,52:54:00:00:01:10,,,,
n11,nowhere,52:54:00:00:01:11,,,,
n12,compute,not-a-mac,,,,
n13,compute,52:54:00:00:01:13,10.99.0.1,,,
n14,compute,,,,,
n15,compute,52:54:00:00:01:10,,,,
N16,compute,52:54:00:00:01:16,,,,
n17,compute,52:54:00:00:01:17
,compute,52:54:00:00:01:18,,,,
n10,compute,52:54:00:00:01:19,,,,
n20,compute,,,,sw,
n21,,52:54:00:00:01:21,,,,
n22,compute,,,S3,,
head1,compute,52:54:00:00:01:23,,,,
n24,compute,,,,sw-r2,5
n25,compute,,,,SW-R2,5
E
before=$(digest)
import "$work/bad.csv"
[ "$rc" = 2 ] || fail "a bad table exits with $rc"
[ "$before" = "$(digest)" ] || fail "a bad table changed the state"
sed -n 's/.*bad.csv:\([0-9]*\): .*/\1/p' "$work/err" | sort -nc || fail "the problems are not in the order of the lines: $(cat "$work/err")"
for l in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do says "bad.csv:$l: " "line $l"; done
says "there is no group 'nowhere'" group; says 'not-a-mac' MAC; says '10.99.0.1' address; says 'at least one MAC address' n14
says 'n10 stands in line 2 already' twice; says '3 cells under 7 columns' n17;
says 'the port is missing' n20; says "the serial number S3 is n03's already" n22; says "port 5 of SW-R2 is n24's already" n25; says 'nothing was changed' end
"$orthrus" node import "$work/bad.csv" --json >"$work/out" 2>"$work/err"; rc=$?
[ "$rc" = 2 ] && jq -e '(.problems | length) >= 13 and (.problems[0] | .line and .text) and .error.kind == "invalid"' "$work/out" >/dev/null ||
    fail "--json of a bad table ($rc): $(head -c 500 "$work/out")"
for t in 'name;group\nn1;compute' 'group\ncompute' 'name,name\nn1,n2' 'name,colour\nn1,red' '' 'name\n' 'name\n"n1'; do
    printf "$t" >"$work/d.csv"; import "$work/d.csv"
    [ "$rc" = 2 ] && grep -q 'd.csv' "$work/err" || fail "'$t' exits with $rc: $(cat "$work/err")"
done
import "$work/none.csv"; [ "$rc" = 1 ] || fail "a file that there is not exits with $rc"
import; [ "$rc" = 2 ] || fail "no file exits with $rc"
[ "$before" = "$(digest)" ] || fail "bad tables changed the state"
# An expected machine can't be installed.
tiny_image compute
api POST /v1/install '{"nodes":["n03"],"accept_disks_unseen":true}'; want 403 'installation of a machine that nobody has seen'

# 5,000 lines are checked.
{
    echo name,group,mac,serial
    for i in $(seq 5000); do printf 'm%04d,compute,52:54:01:00:%02x:%02x,\n' "$i" $((i / 256)) $((i % 256)); done
} >"$work/5000.csv"
t=$(date +%s%N); import "$work/5000.csv" --plan; plan_ms=$((($(date +%s%N) - t) / 1000000))
[ "$rc" = 0 ] && [ "$(grep -c ' add m' "$work/out")" = 5000 ] || fail "plan of 5000: $(head -c 300 "$work/err")"
# More than one write of the state holds; the boot files of each take their time.
head -n 1002 "$work/5000.csv" >"$work/1001.csv"
"$orthrus" node add 'q[1-1001]' --group compute --mac "$(seq -f '52:54:01:00:%04g' 1001 | sed 's/..$/:&/' | paste -sd,)" >"$work/out" 2>"$work/err" && fail "node add of 1001"
grep -q 'next: .*orthrus node import' "$work/err" || fail "it is not said how to add more than 1000: $(cat "$work/err")"
import "$work/1001.csv"
[ "$rc" = 0 ] || fail "import of 1001: $(head -c 300 "$work/err")"
[ "$("$orthrus" node export | wc -l)" = 1006 ] || fail "not all of them are there"
[ "$("$orthrus" node export | cut -d, -f5 | sort | uniq -d | wc -l)" = 0 ] || fail "addresses are given twice"
echo "RESULT import lines=5000 plan_ms=$plan_ms"
[ "$failed" = 0 ] && echo ok
exit $failed
