#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a node gets when it is one, and loses when it is none: secrets sealed to its key, a certificate for its ssh host key that a
# real ssh believes, heads that log in by certificate; after the removal every door is shut.
set -u
if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo "needs root for namespaces and sshd"; exit 77; }
    for p in curl jq openssl ssh ssh-keygen sshd unshare; do
        command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }
    done
    exec unshare --net --mount --propagation private bash "$0" inside
fi
ip link set lo up
mount -t tmpfs none /run
mkdir -p /run/sshd
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
sshd=""
trap '[ -z "$sshd" ] || kill "$sshd" 2>/dev/null; cleanup' EXIT
mac=52:54:00:00:00:01 mac2=52:54:00:00:00:02
node=$work/node1
agent=$BUILD/orthrus-node

# A sealing key of its own for the machine: X25519, raw.
real_seal() { # MAC ROOT-OF-THE-NODE
    make_keys "$1"
    mkdir -p "$2/etc/orthrus" "$2/etc/ssh" "$2/etc/munge"
    openssl genpkey -algorithm X25519 -outform DER -out "$work/seal.der" 2>/dev/null || die "openssl genpkey"
    tail -c 32 "$work/seal.der" | od -An -v -tx1 | tr -d ' \n' >"$2/etc/orthrus/node.seal"
    chmod 600 "$2/etc/orthrus/node.seal"
    openssl pkey -inform DER -in "$work/seal.der" -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n' >"$(at_of "$1").seal"
    printf 'root:x:0:0:root:/root:/bin/sh\nmunge:x:111:112::/:/bin/false\n' >"$2/etc/passwd"
    printf 'root:x:0:\nmunge:x:112:\n' >"$2/etc/group"
}
make_site --trust-mac --domain cluster.test
jq '.images[0].packages += ["munge"]' "$root/etc/orthrus/site.json" >"$work/site" && cp "$work/site" "$root/etc/orthrus/site.json"
tiny_image "$(jq -r '.images[0].name' "$work/site")"
start_daemon
"$orthrus" site apply --yes >/dev/null 2>"$work/err" || die "site apply: $(cat "$work/err")"
"$orthrus" node add n01,n02 --group compute --mac $mac,$mac2 >/dev/null 2>"$work/err" || die "$(cat "$work/err")"
port=$(tls_port)
for m in $mac $mac2; do
    n=$work/node1; [ $m = $mac ] || n=$work/node2
    real_seal $m "$n"
    hello $m "$(machine $m "s${m//:/}")"; want 200 "hello of $m"
done
canary="canary-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
printf '%s' "$canary" >"$work/value"
"$orthrus" secret set ldap "$work/value" --path /etc/sssd/secret --mode 0600 >/dev/null || fail "secret set"
jq '.groups += [{"name":"other","extends":"compute"}]' "$root/etc/orthrus/site.json" >"$work/site" && cp "$work/site" "$root/etc/orthrus/site.json"
"$orthrus" site apply --yes >/dev/null 2>"$work/err" || die "site apply: $(cat "$work/err")"
"$orthrus" secret set other "$work/value" --path /etc/other --group other >/dev/null || fail "secret set other"

# --- that a node was given secrets is in the audit log once, and again when there is another value or the daemon forgot it
given() { # COUNT TEXT: so many acts say so
    local n
    n=$("$orthrus" audit show --json --limit 1000 | jq -s '[.[] | select(.what == "GET /v1/secrets: ldap, munge" and .nodes == "n01" and .who == "node n01" and .result == "done")] | length')
    [ "$n" = "$1" ] || fail "$2: the audit log says it $n times: $("$orthrus" audit show | tail -n 8)"
}
given 0 "nobody asked"
imager $mac GET /v1/secrets; want 200 "secrets"
given 1 "asked once"
imager $mac GET /v1/secrets; want 200 "secrets again"
api GET /v1/cluster-secrets; want 200 "their names"
given 1 "asked again, and their names"
"$orthrus" secret rotate munge --yes >/dev/null || fail "secret rotate"
given 1 "a new value that nobody asked for"
imager $mac GET /v1/secrets; want 200 "the new secret"
imager $mac GET /v1/secrets; want 200 "the new secret again"
given 2 "a new value"

# --- secrets: for the node, sealed, in place with owner and mode
imager '' GET /v1/secrets; want 403 "anybody asks for secrets"
imager $mac GET /v1/secrets; want 200 "the node asks for its secrets"
[ "$(value '[.secrets[].name] | tojson')" = '["ldap","munge"]' ] || fail "secrets of n01: $(cat "$body")"
grep -qF "$canary" "$body" && fail "a secret is in clear"
grep -qF "$(base64 -w0 <"$work/value")" "$body" && fail "a secret is in clear, as base64"
cp "$body" "$work/answer"
"$agent" --root "$node" secrets <"$work/answer" >"$work/out" 2>&1 || fail "orthrus-node: $(cat "$work/out")"
[ "$(cat "$node/etc/sssd/secret")" = "$canary" ] || fail "the secret is not what was set"
[ "$(stat -c '%a %u:%g %s' "$node/etc/munge/munge.key")" = '400 111:112 1024' ] || fail "munge.key: $(stat -c '%a %u:%g %s' "$node/etc/munge/munge.key")"
[ "$(stat -c '%a %u:%g' "$node/etc/sssd/secret")" = '600 0:0' ] || fail "owner and mode of the secret"
"$agent" --root "$node" secrets <"$work/answer" >"$work/out" 2>&1 || fail "orthrus-node again"
[ ! -s "$work/out" ] || fail "nothing changed, but: $(cat "$work/out")"
# the answer for one node is of no use on another
"$agent" --root "$work/node2" secrets <"$work/answer" >"$work/out" 2>&1 && fail "another node opened n01's secrets"
grep -q 'another key' "$work/out" || fail "opening others' secrets: $(cat "$work/out")"
find "$work/node2/etc" -name 'munge.key' | grep -q . && fail "another node has n01's munge key"
# moved, removed: the file goes
"$orthrus" secret set ldap --path /etc/sssd/secret2 >/dev/null || fail "secret set: another path"
imager $mac GET /v1/secrets
"$agent" --root "$node" secrets <"$body" >"$work/out" 2>&1 || fail "orthrus-node: $(cat "$work/out")"
{ [ ! -e "$node/etc/sssd/secret" ] && [ "$(cat "$node/etc/sssd/secret2")" = "$canary" ]; } || fail "the file did not move: $(cat "$work/out")"
# without the user nothing is written, and the others are
sed -i /munge/d "$node/etc/passwd"; rm "$node/etc/munge/munge.key" "$node/etc/sssd/secret2"
"$agent" --root "$node" secrets <"$body" >"$work/out" 2>&1; rc=$?
[ $rc = 1 ] && grep -q "secret munge: 'munge' is not in /etc/passwd" "$work/out" || fail "a user that is not there: exit $rc: $(cat "$work/out")"
{ [ -e "$node/etc/sssd/secret2" ] && [ ! -e "$node/etc/munge/munge.key" ]; } || fail "one secret that fails keeps the others away"

# --- the program that does it
imager $mac GET "/v1/node-program?have=x"; want 200 "the program"
cmp -s "$body" "$agent" || fail "it is another program"
imager $mac GET "/v1/node-program?have=$(sha256sum <"$agent" | cut -d' ' -f1)"; want 204 "the program that is there"
imager '' GET /v1/node-program; want 403 "anybody asks for the program"

# --- ssh: a certificate, which a real ssh believes
ssh-keygen -q -t ed25519 -N '' -f "$node/etc/ssh/ssh_host_ed25519_key" -C x
host=$node/etc/ssh/ssh_host_ed25519_key
key=$(cut -d' ' -f1,2 "$host.pub")
of_n01=$(host_key $mac n01 "$host")
imager '' POST /v1/hostkey "$of_n01"; want 403 "anybody asks for a certificate"
imager $mac POST /v1/hostkey '{"key":"ssh-rsa AAAA","proof":""}'; want 400 "a key of another type"
imager $mac POST /v1/hostkey "{\"key\":\"$key\\n$key\",\"proof\":\"\"}"; want 400 "two lines"

# a node that names another's key, which anybody can read, before that one does
ssh-keygen -q -t ed25519 -N '' -f "$work/host2" -C x
unproven() { # MAC WHAT BODY: refused, and the state stays as it is
    local before; before=$(digest)
    imager "$1" POST /v1/hostkey "$3"; want 403 "$2"
    body_has 'nothing proves that the ssh host key it shows is its own' "$2"
    [ "$(digest)" = "$before" ] || fail "$2: the state is another"
}
with() { jq -c --argjson other "$2" "$3" <<<"$1"; }
of_n02=$(host_key $mac2 n02 "$work/host2")
imager $mac2 POST /v1/hostkey "{\"key\":\"$key\"}"; want 400 "no proof at all"
unproven $mac2 "an empty proof" "{\"key\":\"$key\",\"proof\":\"\"}"
unproven $mac2 "n01's key with the proof of its own" "$(with "$of_n02" "$of_n01" '.key = $other.key')"
unproven $mac2 "what n01 sent" "$of_n01"
unproven $mac2 "signed for another name" "$(host_key $mac2 n01 "$work/host2")"
unproven $mac2 "signed for other keys of the node" "$(host_key $mac n02 "$work/host2")"
unproven $mac2 "cut short" "$(jq -c '.proof |= .[:-4]' <<<"$of_n02")"
unproven $mac2 "signed for another purpose" "$(jq -c --arg p "$(printf '%s\n' n02 "$(fingerprint_of $mac2)" "$(jq -r .key <<<"$of_n02")" |
    ssh-keygen -Y sign -q -f "$work/host2" -n file 2>/dev/null | sed '/^-/d' | tr -d '\n')" '.proof = $p' <<<"$of_n02")"
"$orthrus" audit show --json --limit 1000 >"$work/audit" 2>&1 || fail "audit show: $(cat "$work/audit")"
[ "$(jq -s 'map(select(.who == "node n02" and .what == "POST /v1/hostkey" and .status == 403)) | length' "$work/audit")" = 7 ] ||
    fail "what n02 tried is not in the audit log: $(tail -c 1500 "$work/audit")"

imager $mac POST /v1/hostkey "$of_n01"; want 200 "the node's host key"
cp "$body" "$work/answer"
"$agent" --root "$node" ssh <"$work/answer" >"$work/out" 2>&1 || fail "orthrus-node ssh: $(cat "$work/out")"
ssh-keygen -L -f "$node/etc/ssh/ssh_host_ed25519_key-cert.pub" >"$work/cert"
for text in 'host certificate' 'n01.cluster.test' '10.77.0.'; do grep -qF "$text" "$work/cert" || fail "'$text' is not in the certificate: $(cat "$work/cert")"; done
imager $mac2 POST /v1/hostkey "$(host_key $mac2 n02 "$host")"; want 403 "another node with the same host key"
body_has 'is that of n01' "another node with the same host key"

# a node that calls the cluster's own keys its host key, to have them revoked with its next one
for k in "$root/var/lib/orthrus/pki/ssh/host_ca" "$root/var/lib/orthrus/pki/ssh/user_ca" "$root/var/lib/orthrus/ssh/root"; do
    imager $mac2 POST /v1/hostkey "$(host_key $mac2 n02 "$k")"; want 403 "a node shows ${k##*/}"
    body_has "one of the cluster's own" "a node shows ${k##*/}"
done

# sshd reads its keys for each connection anew: it keeps those that it began with.
cp -a "$node/etc/ssh" "$work/ssh1"
sed "s|/etc/ssh/|$work/ssh1/|" "$node/etc/ssh/sshd_config.d/orthrus.conf" >"$work/sshd_config"
cat >>"$work/sshd_config" <<END
Port 2222
ListenAddress 127.0.0.1
HostKey $work/ssh1/ssh_host_ed25519_key
AuthorizedKeysFile none
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
END
/usr/sbin/sshd -D -f "$work/sshd_config" -E "$work/sshd.log" </dev/null &
sshd=$!
for _ in $(seq 200); do (exec 9<>/dev/tcp/127.0.0.1/2222) 2>/dev/null && break; sleep 0.05; done
head=$root/var/lib/orthrus/ssh
login() { # HOST-KEY-ALIAS [OPTION...]
    local alias=$1; shift
    ssh -F none -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$head/known_hosts" -o GlobalKnownHostsFile=none \
        -o RevokedHostKeys="$head/revoked_keys" -o HostKeyAlias="$alias" -o IdentitiesOnly=yes -i "$head/root" "$@" root@127.0.0.1 echo in >"$work/out" 2>&1
}
[ "$(stat -c %a "$head/root")" = 600 ] || fail "the heads' key: mode $(stat -c %a "$head/root")"
login n01.cluster.test || fail "the head does not get in: $(cat "$work/out" "$work/sshd.log")"
login n01 || fail "by its bare name: $(cat "$work/out")"
login n02.cluster.test && fail "n01's certificate is good for n02"
grep -q 'not a valid.*principal\|Certificate invalid' "$work/out" || fail "n02: $(cat "$work/out")"
login n01.elsewhere.test && fail "the authority speaks for another domain"
ssh-keygen -q -t ed25519 -N '' -f "$work/stranger"
ssh -F none -p 2222 -o BatchMode=yes -o UserKnownHostsFile="$head/known_hosts" -o HostKeyAlias=n01 -o IdentitiesOnly=yes -i "$work/stranger" root@127.0.0.1 true 2>/dev/null &&
    fail "a stranger gets in"

# --- the whole way, as the node's own script goes it
"$BUILD/tests/lab/hostfile" usr/lib/orthrus/orthrus-sync >"$work/sync" || fail "no orthrus-sync"
mkdir -p "$node/usr/lib/orthrus" "$node/bin"
cp "$root/var/lib/orthrus/pki/ca.crt" "$node/etc/orthrus/ca.crt"
cp "$(at_of $mac).crt" "$node/etc/orthrus/node.crt"; cp "$(at_of $mac).key" "$node/etc/orthrus/node.key"
echo 'munge:x:111:112::/:/bin/false' >>"$node/etc/passwd"
printf '#!/bin/sh\necho "$@" >>%s\n' "$work/systemctl" >"$node/bin/systemctl" && chmod 755 "$node/bin/systemctl"
sync() { # its root is /: mounts make the node's directories those of this mount namespace, for the script alone
    : >"$work/systemctl"
    unshare --mount --propagation private bash -c '
    node=$1
    mkdir -p /run/units
    for d in /etc/orthrus /etc/ssh /etc/munge /usr/lib/orthrus; do mkdir -p "$d" 2>/dev/null; done
    mount --bind "$node/etc" /etc && mkdir -p /usr/lib/orthrus && mount --bind "$node/usr/lib/orthrus" /usr/lib/orthrus || exit 9
    PATH=$node/bin:$PATH
    mkdir -p /etc/ssl && ORTHRUS_NODE=n01 ORTHRUS_SERVER=$2 ORTHRUS_FINGERPRINT=$4 sh "$3"' sync "$node" "https://127.0.0.1:$port" "$work/sync" "$(fingerprint_of $mac)" >"$work/out" 2>&1
}
sync
rc=$?
[ $rc = 0 ] || fail "orthrus-sync: exit $rc: $(cat "$work/out")"
cmp -s "$node/usr/lib/orthrus/orthrus-node" "$agent" || fail "orthrus-sync did not fetch its program: $(cat "$work/out")"
[ "$(stat -c '%a %u' "$node/etc/munge/munge.key" 2>/dev/null)" = '400 111' ] || fail "orthrus-sync wrote no munge key: $(cat "$work/out")"

# --- it brings casts into its network when site.json says so, and no longer when it does not
[ ! -e "$node/etc/orthrus/relay" ] || fail "it is a relay unasked"
imager '' GET /v1/relay; want 403 "anybody asks for a relay"
change_site '.networks += [{name: "rack2", role: "compute", ipv4: {subnet: "10.78.0.0/24"}}] | .cast.relays = [{network: "rack2", machine: "n01", ipv4: "10.78.0.9"}]'
"$orthrus" site apply --yes >/dev/null 2>"$work/err" || die "site apply: $(cat "$work/err")"
imager $mac2 GET /v1/relay; want 204 "another node"
sync || fail "orthrus-sync: $(cat "$work/out")"
grep -qE '^ORTHRUS_RELAY=--address 10.78.0.9 --port 4580 --group 232[0-9.]+ --from 10.77.0.1$' "$node/etc/orthrus/relay" || fail "the relay: $(cat "$node/etc/orthrus/relay")"
grep -q 'restart orthrus-relay' "$work/systemctl" || fail "it is not begun: $(cat "$work/systemctl")"
sync || fail "orthrus-sync again: $(cat "$work/out")"
! grep -q relay "$work/systemctl" || fail "a relay that is right is disturbed: $(cat "$work/systemctl")"
change_site 'del(.cast.relays)'
"$orthrus" site apply --yes >/dev/null 2>"$work/err" || die "site apply: $(cat "$work/err")"
sync || fail "orthrus-sync: $(cat "$work/out")"
[ ! -e "$node/etc/orthrus/relay" ] && grep -q 'stop orthrus-relay' "$work/systemctl" || fail "it is a relay still: $(cat "$work/systemctl")"

# --- a new host key of the same node: the old one is revoked
mv "$node/etc/ssh/ssh_host_ed25519_key" "$work/old_key"; mv "$node/etc/ssh/ssh_host_ed25519_key.pub" "$work/old_key.pub"
ssh-keygen -q -t ed25519 -N '' -f "$node/etc/ssh/ssh_host_ed25519_key" -C x
imager $mac POST /v1/hostkey "$(host_key $mac n01 "$host")"; want 200 "another host key"
for _ in $(seq 100); do ssh-keygen -Q -f "$head/revoked_keys" "$work/old_key.pub" >/dev/null 2>&1 || break; sleep 0.1; done
ssh-keygen -Q -f "$head/revoked_keys" "$work/old_key.pub" >/dev/null 2>&1 && fail "the old host key is not revoked"
login n01.cluster.test && fail "sshd still shows the old key, and is believed"
grep -qi 'revoked' "$work/out" || fail "refused for another reason: $(cat "$work/out")"
imager $mac POST /v1/hostkey "$(host_key $mac n01 "$work/old_key")"; want 403 "the revoked key once more"

# --- removed: at once, on every door
before=$(date +%s)
"$orthrus" node remove n01 --yes >/dev/null 2>"$work/err" || fail "node remove: $(cat "$work/err")"
imager $mac GET /v1/secrets; want 403 "a removed node asks for secrets"
imager $mac POST /v1/hostkey "$of_n01"; want 403 "a removed node asks for a certificate"
imager $mac GET /v1/node-program; want 403 "a removed node asks for the program"
imager $mac GET /v1/relay; want 403 "a removed node asks for a relay"
ssh-keygen -Q -f "$head/revoked_keys" "$node/etc/ssh/ssh_host_ed25519_key.pub" >/dev/null 2>&1 && fail "its host key is not revoked"
grep -q 'n01' "$head/known_hosts" && fail "known_hosts still speaks of n01"
[ $(($(date +%s) - before)) -le 5 ] || fail "it took longer than 5 s"
ssh-keygen -Q -f "$head/revoked_keys" "$head/root.pub" >/dev/null 2>&1 || fail "too much is revoked"
# the name comes back with another machine: the old key stays revoked
"$orthrus" node add n01 --group compute --mac 52:54:00:00:00:09 >/dev/null 2>&1 || fail "node add"
ssh-keygen -Q -f "$head/revoked_keys" "$node/etc/ssh/ssh_host_ed25519_key.pub" >/dev/null 2>&1 && fail "a new n01 takes the revocation back"
grep -rqaF "$canary" "$root" "$work/log" && fail "the secret is in $(grep -rlaF "$canary" "$root" "$work/log")"
exit $failed
