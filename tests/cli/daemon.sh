#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrusd, asked as administrators ask it: site and nodes, every refusal by name with nothing written, plans that change nothing.
set -u
. "$TOP/tests/cli/daemon.bash"
port=""

# refused CODE TEXT -- WORDS...: exit code, the words on standard error, and the state is what it was
refused() {
    local code=$1 text=$2 before after rc
    shift 3
    before=$(digest)
    "$orthrus" "$@" >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    after=$(digest)
    [ $rc = "$code" ] || fail "orthrus $*: exit $rc, not $code: $(cat "$work/out" "$work/err")"
    grep -qF -- "$text" "$work/err" "$work/out" || fail "orthrus $*: '$text' is not said: $(cat "$work/err")"
    [ "$before" = "$after" ] || fail "orthrus $*: was refused but changed the state"
}
done_ok() { # WORDS...
    "$orthrus" "$@" >"$work/out" 2>"$work/err" </dev/null || fail "orthrus $*: $(cat "$work/err")"
}
planned() { # WORDS...: --plan says something and changes nothing
    local before
    before=$(digest)
    "$orthrus" "$@" --plan >"$work/out" 2>"$work/err" </dev/null || fail "orthrus $* --plan: $(cat "$work/err")"
    [ -s "$work/out" ] || fail "orthrus $* --plan says nothing"
    [ "$before" = "$(digest)" ] || fail "orthrus $* --plan changed the state"
}

start_daemon
make_site --trust-mac

# Before a site: everything says what to do.
refused 1 'no site is applied yet' -- node add n01 --mac 52:54:00:00:00:01 --group compute
done_ok head status
[ ! -e "$root/var/lib/orthrus/pki" ] || fail "keys were made before a site was applied"

planned site apply
planned site plan
done_ok site apply
port=$(tls_port)
[ "$port" -gt 0 ] || fail "nothing listens for nodes after the first apply"
grep -q 'interface=eth0' "$root/run/orthrus/dnsmasq.conf" || fail "no dnsmasq.conf for eth0"
for f in ca.key sign.key server.key; do
    [ "$(stat -c %a "$root/var/lib/orthrus/pki/$f")" = 600 ] || fail "$f may be read by others"
done
openssl x509 -in "$root/var/lib/orthrus/pki/server.crt" -noout -text | grep -q 'IP Address:10.77.0.1' || fail "the certificate lacks the address nodes use"
done_ok site plan
grep -q 'nothing to do' "$work/out" || fail "an applied site is planned again: $(cat "$work/out")"

# Nodes: added together, addresses deterministic, shown, changed.
planned node add 'n[01-02]' --mac 52:54:00:00:00:01,52:54:00:00:00:02 --group compute
done_ok node add 'n[01-02]' --mac 52:54:00:00:00:01,52:54:00:00:00:02 --group compute
[ "$(node_value n01 .ipv4) $(node_value n02 .ipv4)" = '10.77.0.2 10.77.0.3' ] || fail "addresses: $(node_value n01 .ipv4) $(node_value n02 .ipv4)"
grep -q '^52:54:00:00:00:01,10.77.0.2,1h' "$root/run/orthrus/dnsmasq.dhcp-hosts" || fail "n01 is not in dnsmasq's hosts when the command returns"
[ -e "$root/srv/orthrus/tftp/grub/nodes/52:54:00:00:00:02.cfg" ] || fail "no GRUB file for n02"
done_ok node list
grep -q n02 "$work/out" || fail "node list: $(cat "$work/out")"
done_ok node show n01 --json
[ "$(jq -r '.state, .booted, .error' "$work/out" | tr '\n' ' ')" = 'new null null ' ] || fail "node show --json: $(cat "$work/out")"
planned node set n02 --ipv4 10.77.0.50
done_ok node set n02 --ipv4 10.77.0.50
grep -q '^52:54:00:00:00:02,10.77.0.50,1h' "$root/run/orthrus/dnsmasq.dhcp-hosts" || fail "n02's new address is not in dnsmasq's hosts"
done_ok node add n03 --mac 52:54:00:00:00:03,52:54:00:00:01:03 --group compute
[ "$(node_value n03 .ipv4)" = 10.77.0.3 ] || fail "the lowest free address is not taken"

# Every refusal names what is wrong; nothing is written.
refused 1 "52:54:00:00:00:01 is n01's already" -- node add n04 --mac 52:54:00:00:00:01 --group compute
refused 1 "52:54:00:00:01:03 is n03's already" -- node add n04 --mac 52-54-00-00-01-03 --group compute
refused 1 'is given twice' -- node add n04 --mac 52:54:00:00:00:04,52:54:00:00:00:04 --group compute
refused 1 "52:54:00:00:00:01 is n01's already" -- node set n02 --mac 52:54:00:00:00:01
refused 1 "10.77.0.2 is n01's already" -- node add n04 --mac 52:54:00:00:00:04 --group compute --ipv4 10.77.0.2
refused 1 "10.77.0.2 is n01's already" -- node set n02 --ipv4 10.77.0.2
refused 1 "10.77.0.1 is the head head1's" -- node add n04 --mac 52:54:00:00:00:04 --group compute --ipv4 10.77.0.1
refused 2 'no host address of the provision network' -- node add n04 --mac 52:54:00:00:00:04 --group compute --ipv4 10.78.0.4
refused 2 'no host address of the provision network' -- node add n04 --mac 52:54:00:00:00:04 --group compute --ipv4 10.77.0.255
refused 2 "there is no group 'gpu'" -- node add n04 --mac 52:54:00:00:00:04 --group gpu
refused 2 "there is no image 'nothing'" -- node add n04 --mac 52:54:00:00:00:04 --group compute --image nothing
refused 2 "there is no disk layout 'raid7'" -- node set n02 --layout raid7
refused 1 'there is a node n01 already' -- node add n01 --mac 52:54:00:00:00:04 --group compute
refused 1 'name of a head' -- node add head1 --mac 52:54:00:00:00:04 --group compute
refused 2 "host name 'N_4'" -- node add N_4 --mac 52:54:00:00:00:04 --group compute
refused 2 '' -- node add n04 --mac 52:54:00:00:00 --group compute
refused 2 '' -- node add n04 --mac 01:00:5e:00:00:01 --group compute
refused 1 'n09' -- node show n09
# All or none: the second of two is wrong.
refused 1 "52:54:00:00:00:01 is n01's already" -- node add 'n[04-05]' --mac 52:54:00:00:00:04,52:54:00:00:00:01 --group compute
for said in '' '{' '[]' '{"nodes":[]}' '{"nodes":[{"name":"n04"}]}' '{"nodes":[{"name":"n04","group":"compute","macs":[]}]}' '{"nodes":"n04"}' \
    '{"nodes":[{"name":"n04","group":"compute","macs":["52:54:00:00:00:04"],"root":true}]}' \
    '{"nodes":[{"name":"n04","group":"compute","macs":["52:54:00:00:00:04"],"ipv4":"10.77.0.04"}]}' \
    '{"nodes":[{"name":"$(reboot)","group":"compute","macs":["52:54:00:00:00:04"]}]}' \
    '{"nodes":[{"name":"n04\nn05","group":"compute","macs":["52:54:00:00:00:04"]}]}' \
    '{"nodes":[{"name":"n04","group":"compute","macs":["52:54:00:00:00:04"],"serial":"a\u001b[2J"}]}'; do
    before=$(digest)
    api POST /v1/nodes "$said"
    want 400 "body $said"
    [ "$before" = "$(digest)" ] || fail "a wrong body changed the state: $said"
done
head -c 1200000 /dev/zero | tr '\0' ' ' >"$work/big"
request --unix-socket "$sock" -X POST --data-binary @"$work/big" http://x/v1/nodes
want 413 'a body of 1.2 MB'
for path in /v1 /v1/nodes/ /v1/nodes/n01/x /v1/nodes/..%2f..%2fn01 /v1/images/a/b/c/d /v2/nodes; do api GET "$path"; want 404 "GET $path"; done
api GET /v1/nodes/%0a; want 400 'a newline as a name'
api PUT /v1/nodes; want 405 'PUT /v1/nodes'

# A site that does not fit what is there, or is not a site, changes nothing.
site=$root/etc/orthrus/site.json
cp "$site" "$work/good.json"
jq '.groups[0].name = "other"' "$work/good.json" >"$site"
refused 3 'does not fit the nodes: n01' -- site apply --yes
jq '.networks[0].ipv4.subnet = "10.99.0.0/30" | .heads[0].ipv4 = "10.99.0.1"' "$work/good.json" >"$site"
refused 3 'does not fit the nodes: n02: the provision network '\''provision'\'' (10.99.0.0/30) has no free address left' -- site apply --yes
cp "$work/good.json" "$site"
before=$(digest)
request --unix-socket "$sock" -X PUT -H 'If-Match: *' --data-binary '{"format":1}' http://x/v1/site
want 400 'half a site'
request --unix-socket "$sock" -X PUT -H 'If-Match: "1"' --data-binary @"$site" http://x/v1/site
want 412 'another version'
request --unix-socket "$sock" -X PUT --data-binary @"$site" http://x/v1/site
want 400 'no version'
# A flag that is not understood is not taken for "no": what was only to be shown would be done.
for q in plan=yes plan=True plan=2 'plan=1%20' force=yes 'plan=0&force=on'; do
    api DELETE "/v1/nodes/n01?$q"; want 400 "DELETE with $q"
    body_has "query parameter '" "DELETE with $q"
done
api PATCH '/v1/nodes/n01?plan=yes' '{"ipv4":"10.77.0.60"}'; want 400 'PATCH with plan=yes'
request --unix-socket "$sock" -X PUT -H 'If-Match: *' --data-binary @<(jq '.time.zone = "Europe/Vienna"' "$site") 'http://x/v1/site?plan=yes'
want 400 'PUT with plan=yes'
body_has "query parameter 'plan'" 'PUT with plan=yes'
request --unix-socket "$sock" -X PUT -H 'If-Match: *' --data-binary @<(jq '.time.zone = "Europe/Vienna"' "$site") 'http://x/v1/site?plan=1'
want 200 'PUT with plan=1'
body_has Vienna 'PUT with plan=1'
for q in plan plan=1 plan=true; do api DELETE "/v1/nodes/n01?$q"; want 200 "DELETE with $q"; done
[ "$before" = "$(digest)" ] || fail "a refused site changed the state"

# Who may ask: over TLS an administrator needs a certificate; nobody is asked for one where machines call.
imager '' GET /v1/nodes; want 403 'nodes without a certificate'
imager '' DELETE /v1/nodes/n01; want 403 'removal without a certificate'
imager '' POST /v1/install '{"nodes":["n01"]}'; want 403 'installation without a certificate'
imager '' PUT /v1/site "$(cat "$site")"; want 403 'site without a certificate'
imager '' GET /v1/packs/../../etc/passwd; want 404 'a path for a pack'
imager '' GET /v1/images/..%2f..%2f/x/manifest.json; want 404 'a path for an image'
imager '' GET '/v1/packs/%2e%2e%2fx.pack'; want 404 'dots for a pack'
if curl -s --max-time 10 "https://127.0.0.1:$port/v1/status" >/dev/null 2>&1; then fail "curl trusts the head without its CA"; fi
[ "$before" = "$(digest)" ] || fail "a refused caller changed the state"

# The installation of what is not known or not trusted is refused.
refused 3 'has not told what disks it has' -- node install n01 --yes
tiny_image compute
done_ok node set n02 --ipv4 10.77.0.51 # so that the daemon looks at the image now, and not when digests are compared
settle
refused 3 'has not told what disks it has' -- node install n01 --yes
refused 3 'is not in the store' -- node install n01 --yes --accept-disks-unseen --image compute/20200101T000000Z-golden
planned node install n01 --accept-disks-unseen
mv "$root/srv/orthrus/store/images/compute" "$work/aside"
refused 3 'cannot be installed' -- node install n01 --yes --accept-disks-unseen
mv "$work/aside" "$root/srv/orthrus/store/images/compute"
manifest=$(echo "$root"/srv/orthrus/store/images/compute/*/manifest.json)
cp "$manifest" "$work/manifest"
sed -i 's/"sequence":1/"sequence":9/; s/"sequence": 1/"sequence": 9/' "$manifest"
cmp -s "$manifest" "$work/manifest" && fail "the manifest was not changed by this test"
refused 3 'cannot be installed' -- node install n01 --yes --accept-disks-unseen
grep -q 'the signature is not' "$work/out" || fail "a changed manifest: $(cat "$work/out")"
cp "$work/manifest" "$manifest"
jq '.enrol.trust_mac = false' "$work/good.json" >"$site"
done_ok site apply --yes
hello 52:54:00:00:00:01 "$(machine 52:54:00:00:00:01 A)"; want 200 'a machine known by MAC only'
[ "$(value .state)" = pending ] || fail "a machine known by MAC only is $(cat "$body")"
[ "$(node_value n01 .machine)" = null ] || fail "an untrusted machine's inventory was kept"
cp "$work/good.json" "$site"
done_ok site apply --yes

# Boot targets, removal.
planned node boot n03 --disk
done_ok node boot n03 --disk
[ "$(node_value n03 .boot)" = disk ] || fail "boot target is not kept"
refused 2 '' -- node boot n03 --disk --net
planned node remove n03 --yes
done_ok node remove n03 --yes
[ ! -e "$root/srv/orthrus/tftp/grub/nodes/52:54:00:00:00:03.cfg" ] || fail "a removed node still has a GRUB file"
grep -q 10.77.0.3, "$root/run/orthrus/dnsmasq.dhcp-hosts" && fail "a removed node still has an address"
done_ok node remove n03 --yes # is gone already, and that is said
refused 1 'n98' -- node remove n98 --yes
done_ok event list --json
done_ok head status --json

# A clean end, and everything is there again.
# Not by the digest: a payload that can't be made is noted as an event again after the restart.
kept() { "$orthrus" node list --json; "$orthrus" site show --json; }
before=$(kept)
stop_daemon TERM
[ "$daemon_rc" = 0 ] || fail "SIGTERM: exit $daemon_rc"
[ ! -e "$sock" ] || fail "the socket is left behind"
mkdir -p "$root/srv/orthrus/tftp/payload/0123abcd"
start_daemon
[ "$before" = "$(kept)" ] || fail "the state is another one after a restart"
port=$(tls_port)
[ ! -e "$root/srv/orthrus/tftp/payload/0123abcd" ] || fail "an imager that no image needs is left in the TFTP tree"
imager '' GET /v1/nodes; want 403 'over TLS after a restart'
# A second daemon for the same root keeps off.
if "$BUILD/orthrusd" --root "$root" --no-dnsmasq --listen 127.0.0.1:0 >"$work/out" 2>&1; then fail "two daemons serve one root"; fi
grep -q 'another orthrusd' "$work/out" || fail "the second daemon says: $(cat "$work/out")"
api GET /v1/status; want 200 'the first daemon after the second was refused'
kill -HUP "$daemon_pid"
api GET /v1/status; want 200 'after SIGHUP'
[ "$failed" = 0 ] && echo ok
exit $failed
