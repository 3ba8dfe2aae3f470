#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A node is removed, and every door that was open to it is shut within 5 seconds: the API (connections that are open, new ones, its
# certificate renewed), ssh by its host certificate, DHCP and the boot file, names, secrets, tokens, its BMC's password. Real dnsmasq,
# DHCP client, sshd and ssh; the command says each thing as confirmed. Then another machine takes a node's place in one verb.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
for p in dnsmasq busybox ip jq openssl sshd ssh; do command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }; done
id dnsmasq >/dev/null 2>&1 || { echo "needs the user dnsmasq (package dnsmasq-base)"; exit 77; }
# What is begun below ends with the namespace of processes.
if [ "${1:-}" != inside ]; then exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside; fi
mount -t tmpfs none /run
mkdir -p /run/sshd /run/netns
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
chmod 755 "$work" # dnsmasq serves as its own user
mac() { printf '52:54:00:00:00:%02x' "$1"; }
ip link set lo up
ip netns add node
ip link add eth0 type veth peer name eth0 netns node
ip addr add 10.77.0.1/24 dev eth0
ip link set eth0 up
in_node() { ip netns exec node "$@"; }

# The whole daemon, with its dnsmasq, at the site's port.
start() {
    "$BUILD/orthrusd" --root "$root" --netboot-dir "$TOP/netboot/initramfs" >>"$work/log" 2>&1 </dev/null &
    daemon_pid=$!
    for _ in $(seq 600); do
        [ -S "$sock" ] && curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null && return 0
        kill -0 "$daemon_pid" 2>/dev/null || die "orthrusd ended: $(tail -n 5 "$work/log")"
        sleep 0.1
    done
    die "orthrusd is not ready after 60 s"
}
make_site
jq '.images[0].packages += ["munge"]' "$root/etc/orthrus/site.json" >"$work/site" && cp "$work/site" "$root/etc/orthrus/site.json"
start
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add 'n[01-02]' --mac "$(mac 1),$(mac 2)" --group compute >/dev/null || die "node add"
port=$(tls_port)
[ "$port" -gt 0 ] || die "no TLS: $(tail -n 5 "$work/log")"
for n in 1 2; do
    enrol "$(mac $n)" "$(machine "$(mac $n)" "S$n")"
    "$orthrus" node approve n0$n --yes >/dev/null || die "approve n0$n"
    hello "$(mac $n)" "$(machine "$(mac $n)" "S$n")"
    want 200 "hello of n0$n"
done
addr=$(node_value n01 .ipv4) addr2=$(node_value n02 .ipv4)
printf 'value-of-a-secret' >"$work/value"
"$orthrus" secret set given "$work/value" --path /etc/given >/dev/null || die "secret set"
(umask 077; echo a-password >"$work/password")
"$orthrus" node set n01 --bmc 127.0.0.1:1 --bmc-user admin --bmc-password-file "$work/password" >/dev/null || die "node set --bmc"
"$orthrus" node token n01 >/dev/null || die "token"
version() { curl -s --unix-socket "$sock" http://x/v1/cluster-secrets | jq '.secrets[] | select(.name == "munge") | .version'; }
[ "$(version)" = 1 ] || die "munge has no key"

# --- all doors are open
cat >"$work/script" <<'END'
#!/bin/sh
[ "$1" != bound ] || echo "$ip" >"$LEASE"
END
chmod 755 "$work/script"
lease() { # MAC: the address that it gets, if any
    rm -f "$work/lease"
    in_node ip link set eth0 down
    in_node ip link set eth0 address "$1"
    in_node ip link set eth0 up
    LEASE=$work/lease in_node busybox udhcpc -i eth0 -f -q -n -t 3 -T 1 -s "$work/script" >"$work/udhcpc" 2>&1 </dev/null
    cat "$work/lease" 2>/dev/null
}
named() { in_node busybox nslookup n01.cluster.internal 10.77.0.1 2>&1 | grep -qF "$addr"; }
for _ in $(seq 20); do [ "$(lease "$(mac 1)")" = "$addr" ] && break; sleep 0.2; done
[ "$(cat "$work/lease" 2>/dev/null)" = "$addr" ] || die "n01 gets '$(cat "$work/lease" 2>/dev/null)' by DHCP, not $addr: $(tail -n 5 "$work/udhcpc" "$work/log")"
in_node ip addr add "$addr/24" dev eth0
in_node ip link set lo up
named || fail "n01 has no name: $(in_node busybox nslookup n01.cluster.internal 10.77.0.1 2>&1)"
boot=$root/srv/orthrus/tftp/grub/nodes/$(mac 1).cfg
[ -e "$boot" ] || fail "n01 has no boot file"

ssh-keygen -q -t ed25519 -N '' -f "$work/host_key" || die keys
imager "$(mac 1)" POST /v1/hostkey "$(host_key "$(mac 1)" n01 "$work/host_key")"
want 200 'the host key of n01'
value .certificate >"$work/host_key-cert.pub"
value .user_ca >"$work/user_ca"
cat >"$work/sshd_config" <<END
Port 2222
ListenAddress $addr
HostKey $work/host_key
HostCertificate $work/host_key-cert.pub
TrustedUserCAKeys $work/user_ca
PidFile none
UsePAM no
UseDNS no
StrictModes no
PasswordAuthentication no
END
in_node /usr/sbin/sshd -D -f "$work/sshd_config" -E "$work/sshd.log" &
ssh_dir=$root/var/lib/orthrus/ssh
log_in() {
    ssh -F none -p 2222 -i "$ssh_dir/root" -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile="$ssh_dir/known_hosts" -o GlobalKnownHostsFile=none \
        -o RevokedHostKeys="$ssh_dir/revoked_keys" -o HostKeyAlias=n01.cluster.internal -o ConnectTimeout=5 "root@$addr" echo in >"$work/ssh" 2>&1 </dev/null
}
for _ in $(seq 100); do (exec 9<>"/dev/tcp/$addr/2222") 2>/dev/null && break; sleep 0.05; done
log_in || die "the head can't log in to n01: $(cat "$work/ssh" "$work/sshd.log")"

tls() { openssl s_client -connect "127.0.0.1:$port" -CAfile "$root/var/lib/orthrus/pki/ca.crt" -cert "$(at_of "$(mac 1)").crt" -key "$(at_of "$(mac 1)").key" -quiet -ign_eof 2>/dev/null; }
mkfifo "$work/in"
tls <"$work/in" >"$work/open" &
exec 8>"$work/in"
printf 'GET /v1/secrets HTTP/1.1\r\nHost: x\r\n\r\n' >&8
for _ in $(seq 100); do grep -q '200 OK' "$work/open" && break; sleep 0.05; done
grep -q '200 OK' "$work/open" || die "the open connection does not answer"
# A question that waits for an order: it is answered at once.
( body=$work/wait-body; imager "$(mac 1)" GET '/v1/imager/orders?wait=60'; date +%s%N >"$work/wait-ended"; echo "$status" >"$work/wait-status" ) &
waiting=$!

# --- the plan says what will be, and does nothing
before=$(digest)
"$orthrus" node remove n01 --plan >"$work/plan" 2>&1 || fail "the plan: $(cat "$work/plan")"
for said in 'its key is nobody' 'ssh host key is revoked' 'no address and no boot file' 'secret munge, which it knows, is replaced' \
    'still knows secret given; to give the others a new one: orthrus secret set given' 'BMC' 'tokens'; do
    grep -qF "$said" "$work/plan" || fail "the plan does not say '$said': $(cat "$work/plan")"
done
grep -q confirmed "$work/plan" && fail "a plan confirms what was not done"
[ "$before" = "$(digest)" ] || fail "--plan changed the state"

# --- removed
began=$(date +%s%N)
in_time() { # DOOR: it was shut when this was called
    local ms=$((($(date +%s%N) - began) / 1000000))
    [ $ms -lt 5000 ] || fail "$1: shut after $ms ms"
    echo "$1: shut after $ms ms"
}
"$orthrus" node remove n01 --yes >"$work/out" 2>&1 || fail "remove: $(cat "$work/out")"
in_time "the command"
for said in 'its key is nobody' 'ssh host key is revoked' 'no address and no boot file' 'secret munge, which it knows, is replaced' 'BMC' 'tokens'; do
    grep -F "$said" "$work/out" | grep -q 'confirmed$' || fail "not confirmed: '$said': $(cat "$work/out")"
done
printf 'GET /v1/secrets HTTP/1.1\r\nHost: x\r\n\r\n' >&8
for _ in $(seq 100); do grep -q '403 ' "$work/open" && break; sleep 0.05; done
grep -q '403 ' "$work/open" || fail "the open connection goes on: $(grep -a HTTP "$work/open")"
in_time "the connection that was open"
exec 8>&-
imager "$(mac 1)" GET /v1/secrets; want 403 'secrets'
imager "$(mac 1)" POST /v1/hostkey "$(host_key "$(mac 1)" n01 "$work/host_key")"; want 403 'a new host certificate'
imager "$(mac 1)" POST /v1/imager/hello "$(machine "$(mac 1)" S1)"; want 403 'hello'
in_time "a new connection"
imager '' POST /v1/enrol "$(jq -c 'del(.machine)' "$(at_of "$(mac 1)").enrol")"; want 403 'a new certificate'
in_time "its certificate"
log_in && fail "ssh goes on"
grep -qi 'revoked' "$work/ssh" || fail "ssh: $(cat "$work/ssh")"
in_time "ssh"
[ ! -e "$boot" ] || fail "the boot file is there"
in_time "the boot file"
grep -q n01 "$root/run/orthrus/dnsmasq.hosts" "$root/run/orthrus/dnsmasq.dhcp-hosts" && fail "dnsmasq is told of n01"
in_time "the name, but for what its lease keeps"
got=$(lease "$(mac 1)") # asks from here on, three times
[ -z "$got" ] || fail "n01 gets the address $got"
[ "$(version)" = 2 ] || fail "munge's key is the one that n01 knows"
imager "$(mac 2)" GET /v1/secrets; want 200 "n02's secrets"
[ "$(value '.secrets[] | select(.name == "munge") | .version')" = 2 ] || fail "n02 gets munge's old key"
"$orthrus" node token --list --json | grep -q n01 && fail "a token for n01 is there"
wait $waiting
[ "$(cat "$work/wait-status")" = 403 ] || fail "the waiting question was answered with $(cat "$work/wait-status")"
[ $((($(cat "$work/wait-ended") - began) / 1000000)) -lt 5000 ] || fail "the waiting question was answered late"
echo "a question that waited: shut after $((($(cat "$work/wait-ended") - began) / 1000000)) ms"
# There is no door by NFS as long as a head exports nothing; when it does, that has to be proved here.
[ -z "$(find "$root" -name 'exports' -type f -path '*/etc/*' -o -path '*/etc/exports.d/*' -type f)" ] || fail "this head exports something by NFS, and nobody proves that it is shut"

# --- the same name again is nobody that was
"$orthrus" node add n01 --mac "$(mac 1)" --group compute --ipv4 "$addr" >/dev/null || fail "node add again"
[ "$(lease "$(mac 1)")" = "$addr" ] || fail "n01 gets no address although it is a node again"
[ "$(node_value n01 .bmc)" = null ] || fail "n01 has a BMC still: $(node_value n01 .bmc)"
imager "$(mac 1)" GET /v1/secrets; want 403 "the key of the n01 that was"
"$orthrus" node remove n01 --yes --keep-secrets >"$work/out" 2>&1 || fail "remove --keep-secrets: $(cat "$work/out")"
[ "$(version)" = 2 ] || fail "a machine that had no key made munge's key change"

# --- another machine in n02's place, in one verb
enrol "$(mac 9)" "$(machine "$(mac 9)" S9)"
words=$(value .words)
before=$(digest)
"$orthrus" node replace n02 >"$work/out" 2>&1; [ $? = 2 ] || fail "replace without --mac: $(cat "$work/out")"
"$orthrus" node replace n02 --mac "$(mac 8)" --fingerprint "$words" --yes >"$work/out" 2>&1; [ $? = 3 ] || fail "another MAC address than the key's: $(cat "$work/out")"
"$orthrus" node replace n02 --mac "$(mac 9)" --fingerprint 'A A A A A A' --yes >"$work/out" 2>&1 && fail "a key that nobody has"
"$orthrus" node replace n02 --mac "$(mac 9)" --fingerprint "$words" </dev/null >"$work/out" 2>&1; [ $? = 3 ] || fail "without a word: $(cat "$work/out")"
"$orthrus" node replace n02 --mac "$(mac 9)" --fingerprint "$words" --plan >"$work/out" 2>&1 || fail "plan: $(cat "$work/out")"
grep -qF "the machine with MAC $(mac 9) takes the place of the one with $(mac 2)" "$work/out" || fail "plan: $(cat "$work/out")"
[ "$before" = "$(digest)" ] || fail "a plan, or a refusal, changed the state"
"$orthrus" node replace n02 --mac "$(mac 9)" --fingerprint "$words" --yes >"$work/out" 2>&1 || fail "replace: $(cat "$work/out")"
grep -q 'key is nobody.*confirmed$' "$work/out" || fail "replace confirms nothing: $(cat "$work/out")"
[ "$(node_value n02 '[.ipv4, .group, .macs[0], .state] | join(" ")')" = "$addr2 compute $(mac 9) new" ] || fail "n02: $(node_value n02 '[.ipv4, .group, .macs[0], .state] | join(" ")')"
imager "$(mac 2)" GET /v1/secrets; want 403 "the n02 that was"
enrol "$(mac 9)" ''; want 200 'the new n02'
[ "$(value .node)" = n02 ] || fail "the new machine is $(value .node)"
imager "$(mac 9)" GET /v1/secrets; want 200 "the new n02's secrets"
[ "$(value '.secrets[] | select(.name == "munge") | .version')" = 3 ] || fail "the new n02 gets what the old one knows"
[ "$(lease "$(mac 9)")" = "$addr2" ] || fail "the new n02 gets no address"
[ -z "$(lease "$(mac 2)")" ] || fail "the old n02 gets an address"
"$orthrus" node replace n02 --mac "$(mac 10)" --yes --keep-secrets >"$work/out" 2>&1 || fail "replace without a key: $(cat "$work/out")"
grep -q 'orthrus node approve n02' "$work/out" || fail "the next step is not said: $(cat "$work/out")"
imager "$(mac 9)" GET /v1/secrets; want 403 "the second n02"
"$orthrus" audit verify >"$work/out" 2>&1 || fail "audit verify: $(cat "$work/out")"
[ "$failed" = 0 ] && echo ok
exit $failed
