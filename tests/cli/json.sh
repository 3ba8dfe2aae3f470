#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# With --json every command prints exactly one document on standard output, no word on standard error, and exits as without --json:
# done, planned, refused, failed or misspelt. Events are one object a line.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
asked=0
mac1=52:54:00:00:00:01 mac2=52:54:00:00:00:02

# doc CODE FILTER -- WORDS...: one object, for which the jq filter is true
doc() {
    local code=$1 filter=$2 rc n
    shift 3
    "$orthrus" "$@" --json >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    asked=$((asked + 1))
    [ $rc = "$code" ] || fail "orthrus $*: exit $rc, not $code: $(cat "$work/out" "$work/err")"
    n=$(jq -s length "$work/out" 2>/dev/null)
    [ "$n" = 1 ] || fail "orthrus $* --json: ${n:-no} JSON documents: $(head -c 2000 "$work/out")"
    [ -s "$work/err" ] && fail "orthrus $* --json writes to standard error: $(cat "$work/err")"
    jq -e "type == \"object\" and ($filter)" "$work/out" >/dev/null 2>&1 || fail "orthrus $* --json: not '$filter': $(head -c 2000 "$work/out")"
}
failure() { # CODE KIND -- WORDS...: an error document
    local code=$1 kind=$2
    shift 3
    doc "$code" ".error.kind == \"$kind\" and (.error.text | length) > 0" -- "$@"
}
# lines CODE MIN -- WORDS...: one object a line, MIN of them at least
lines() {
    local code=$1 min=$2 rc
    shift 3
    "$orthrus" "$@" --json >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    asked=$((asked + 1))
    [ $rc = "$code" ] || fail "orthrus $*: exit $rc, not $code: $(cat "$work/out" "$work/err")"
    [ -s "$work/err" ] && fail "orthrus $* --json writes to standard error: $(cat "$work/err")"
    [ "$(wc -l <"$work/out")" -ge "$min" ] || fail "orthrus $*: $(wc -l <"$work/out") lines, not $min"
    while IFS= read -r line; do
        [ "$(jq -s 'map(type) | join(" ")' <<<"$line" 2>/dev/null)" = '"object"' ] || fail "orthrus $*: a line is no object: $line"
    done <"$work/out"
}

# The words themselves; no daemon.
failure 2 usage -- nonsense
failure 2 usage -- node
failure 2 usage -- node frobnicate
failure 2 usage -- node list --frobnicate
failure 2 usage --
failure 2 usage -- head status extra
failure 2 usage -- completion bash
failure 2 usage -- completion zsh
failure 2 usage -- completion words nonsense
doc 0 '.version | test("^[0-9.]+$")' -- --version
for words in 'head status' 'node list' 'node show n01' 'node install n01' 'node boot n01 --net' 'site plan'; do
    # shellcheck disable=SC2086
    [ "$words" = 'site plan' ] && failure 1 not_found -- $words || failure 1 failed -- $words
done
lines 1 1 -- event list
lines 1 1 -- event watch
doc 0 '.images == []' -- image list
failure 1 not_found -- image show compute
failure 1 not_found -- head certificate anna --out "$work/anna"

# The site.
failure 2 usage -- site init
doc 0 '.cluster' -- site init --interface eth0 --head-name head1 --subnet 10.77.0.0/24 --head-address 10.77.0.1 --trust-mac --plan
doc 0 '.cluster' -- site init --interface eth0 --head-name head1 --subnet 10.77.0.0/24 --head-address 10.77.0.1 --trust-mac
failure 3 refused -- site init --interface eth0 --head-name head1 --subnet 10.77.0.0/24 --head-address 10.77.0.1
doc 0 '.ok == true' -- site check
doc 2 '.ok == false and (.problems | length) > 0' -- site check "$TOP/tests/golden/site/cluster-name.json"
failure 1 not_found -- site check "$work/nothing"
doc 0 '.source == "file"' -- site show
start_daemon
failure 1 failed -- site show --site "$work" 2>/dev/null
doc 0 '.source == "file"' -- site show
doc 0 '.steps | length > 3' -- site plan
doc 0 '.steps | length > 3' -- site apply --plan
doc 0 '.steps | length > 3' -- site apply
doc 0 '.steps == []' -- site apply
doc 0 '.source == "applied"' -- site show
failure 2 invalid -- site apply --site "$TOP/tests/golden/site/cluster-name.json"
port=$(tls_port)

# Nodes, and what is refused of them.
doc 0 '.steps | length > 0' -- node add 'n[01-02]' --mac $mac1,$mac2 --group compute --plan
doc 0 '.steps | length > 0' -- node add 'n[01-02]' --mac $mac1,$mac2 --group compute
failure 1 exists -- node add n01 --mac 52:54:00:00:00:11 --group compute
failure 2 usage -- node add n03 --group compute
failure 2 usage -- node add n03 --mac 52:54:00:00:00:03
failure 2 invalid -- node add 'n[' --mac 52:54:00:00:00:03 --group compute
failure 2 invalid -- node add n03 --mac 52:54:00:00:00:03 --group gpu
doc 0 '.nodes | length == 2' -- node list
doc 0 '.nodes | length == 1' -- node list n02
failure 1 not_found -- node list n99
failure 2 invalid -- node list @gpu
doc 0 '.name == "n01"' -- node show n01
failure 1 not_found -- node show n99
failure 2 usage -- node set n01
doc 0 '.steps | length == 1' -- node set n01 --serial A-box --plan
doc 0 '.steps' -- node set n01 --serial A-box
failure 1 exists -- node set n01 --mac $mac2
failure 2 invalid -- node set 'n[01-02]' --ipv4 10.77.0.254
doc 0 '.steps' -- node boot n01 --net --plan
doc 0 '.steps' -- node boot n01 --net
failure 2 usage -- node boot n01
doc 0 '.users == null' -- image list
failure 3 refused -- node remove n02
doc 0 '.steps[0].name == "remove:n02"' -- node remove n02 --plan
failure 1 not_found -- node remove n99 --yes

# Installations: a refused plan is a plan with reasons, and the only document.
for more in '' --plan --yes '--yes --wait'; do
    # shellcheck disable=SC2086
    doc 3 '[.nodes[] | .error.kind] == ["refused", "refused"]' -- node install @compute $more
done
tiny_image compute
settle
doc 0 '.images | length == 1' -- image list
doc 0 '.name == "compute"' -- image show compute
doc 0 '.intact == true' -- image verify compute --quiet
failure 1 not_found -- image verify other
doc 3 '[.nodes[] | .error.kind] == ["refused", "refused"]' -- node install @compute --plan
hello $mac1 "$(machine $mac1 A)"; want 200 hello
token=$who
doc 3 '[.nodes[] | .error.kind] == [null, "refused"]' -- node install @compute --plan
doc 0 '.nodes[0].plan.steps | length > 5' -- node install n01 --plan
failure 3 refused -- node install n01
# Ordered, taken and failed: the end of --wait is the one document.
"$orthrus" node install n01 --yes --wait --json >"$work/waited" 2>"$work/waited.err" </dev/null &
waiter=$!
for _ in $(seq 600); do
    imager "$token" GET /v1/imager/orders
    [ "$(value .action)" = install ] && break
    sleep 0.1
done
id=$(value .order.install_id)
imager "$token" POST /v1/imager/event "{\"install_id\":\"$id\",\"seq\":1,\"step\":\"wipe\",\"event\":\"failed\",\"error\":\"disk A0 does not answer\"}"
want 200 'a failure'
wait $waiter
rc=$?
[ "$rc $(jq -rs 'length, .[0].nodes[0].name, .[0].nodes[0].state' "$work/waited" | tr '\n' ' ')" = '1 1 n01 failed ' ] ||
    fail "--wait --json: exit $rc: $(cat "$work/waited" "$work/waited.err")"
[ -s "$work/waited.err" ] && fail "--wait --json writes to standard error: $(cat "$work/waited.err")"
# Without --wait the order is the document.
doc 0 '.nodes[0].install_id | length == 32' -- node install n01 --yes
failure 3 refused -- node boot n01 --net
failure 3 refused -- node remove n01 --yes

# Events; the head.
lines 0 5 -- event list
lines 0 2 -- event list --limit 2
lines 2 1 -- event list --limit none
jq -e '.number and .at and .kind and .text' <("$orthrus" event list --json --limit 1) >/dev/null || fail "event list: $("$orthrus" event list --json --limit 1)"
doc 0 '.version' -- head status
doc 0 '.steps | length == 4' -- head certificate anna --out "$work/anna" --plan
doc 0 '.name == "anna"' -- head certificate anna --out "$work/anna"
failure 1 exists -- head certificate anna --out "$work/anna"
failure 1 failed -- node list --api https://127.0.0.1:1 --ca "$work/anna/ca.crt"
failure 3 refused -- node list --api "https://127.0.0.1:$port" --ca "$work/anna/ca.crt"
failure 2 usage -- node list --api "https://127.0.0.1:$port"

# A full device takes no document: the error is said where it can be.
if [ -w /dev/full ]; then
    "$orthrus" node list --json >/dev/full 2>"$work/err" && fail "writing to a full device looks like success"
    grep -q 'standard output' "$work/err" || fail "a full device and --json: $(cat "$work/err")"
fi
echo "$asked commands"
exit $failed
