#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every secret that there is, found nowhere but where it belongs: a whole life of a node with secrets that are known to the test, while
# arguments and environments of all processes are looked at all the time; then logs, state, TFTP tree, initramfs, images, exports, the
# audit log, events, what hooks were given, and answers are searched. Before that, the search finds a secret planted in each of them.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
for p in jq openssl python3 zstd cpio gcc depmod mdadm mkfs.xfs mkfs.fat smartctl busybox; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
if [ "${1:-}" != inside ]; then exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside; fi
ip link set lo up
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
# shellcheck source=tests/lab/bmc.bash
. "$TOP/tests/lab/bmc.bash"
chmod 711 "$work"
mac() { printf '52:54:00:00:00:%02x' "$1"; }
secrets=$work/secrets canaries=$work/canaries answers=$work/answers hooked=$work/hooked
mkdir -m 700 "$secrets" "$answers"
mkdir -m 777 "$hooked"
: >"$canaries"
chmod 600 "$canaries"

# Nothing here gives a canary to a program as an argument: files and builtins alone.
canary() { # NAME: a new one, in $secrets/NAME; plain, and as base64 would have it
    local hex
    hex=$(openssl rand -hex 32)
    (umask 077; printf "%s" "$hex" >"$secrets/$1")
    printf '%s\n' "$hex" >>"$canaries"
    base64 -w0 <"$secrets/$1" | head -c 80 >>"$canaries"
    echo >>"$canaries"
}
key_lines() { # FILE...: what a private key is told by; the first line of its base64 is the same in all keys of a kind
    local f n
    for f in "$@"; do
        n=$(wc -l <"$canaries")
        [ -s "$f" ] || { fail "there is no $f"; continue; }
        if grep -q -e '-----' "$f"; then
            grep -v -e '-----' "$f" | sed -n '2,$p' | grep -E '.{24}' >>"$canaries"
        elif ! grep -aE '^[0-9a-f]{64}$' "$f" >>"$canaries"; then # raw bytes: as they would be written down
            { od -An -v -tx1 "$f" | tr -d ' \n'; echo; head -c 30 "$f" | base64 -w0; echo; } >>"$canaries"
        fi
        [ "$(wc -l <"$canaries")" -gt "$n" ] || fail "$f has nothing that it could be told by"
    done
}

# --- the search
own='/var/lib/orthrus/pki/|/var/lib/orthrus/ssh/root$|/var/lib/orthrus/audit\.key$' # where keys belong
watch_proc() { # WATCHED-FLAG: arguments and environments of all processes, again and again
    while [ ! -e "$1" ]; do
        grep -lsaF -f "$canaries" /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>"$work/leaked"
        echo x >>"$work/looked"
    done
}
search() { # prints each place in which one is found
    local f ref
    grep -rlaF -f "$canaries" "$root" "$work/log" "$work/commands" "$answers" "$hooked" 2>/dev/null | grep -vE "$root($own)"
    for f in "$root"/srv/orthrus/tftp/payload/*/initrd.img "$root"/srv/orthrus/tftp/initrd.planted; do
        [ -e "$f" ] || continue
        rm -rf "$work/unpacked" && mkdir "$work/unpacked"
        zstd -dqc "$f" | (cd "$work/unpacked" && cpio -id --quiet --no-absolute-filenames 2>/dev/null)
        grep -rqaF -f "$canaries" "$work/unpacked" 2>/dev/null && echo "$f"
    done
    for ref in $("$orthrus" image list --json | jq -r '.images[].ref'); do
        "$orthrus" image export "$ref" - 2>/dev/null >"$work/exported.tar"
        grep -qaF -f "$canaries" "$work/exported.tar" && echo "image $ref"
    done
}
must_find() { # PLACE: the search finds it
    search >"$work/found"
    grep -qF -- "$1" "$work/found" || fail "the search is blind: nothing is found in $1"
}
run() { # WORDS...: a command, with all that it says; never with a canary
    "$orthrus" "$@" >>"$work/commands" 2>&1 </dev/null || fail "orthrus $*: $(tail -n 3 "$work/commands")"
}

# --- an image of which an imager can be made
v=6.1.0-10-amd64
mkdir -p "$work/tree/boot" "$work/tree/etc" "$work/tree/usr/lib/modules/$v/kernel/drivers/net"
ln -s usr/lib "$work/tree/lib"
echo "kernel $v" >"$work/tree/boot/vmlinuz-$v"
printf '__attribute__((section(".modinfo"),used)) static const char i[] = "license=GPL\\0alias=virtio:d00000001v*\\0vermagic=%s SMP";\n' $v |
    gcc -x c -c -o "$work/tree/usr/lib/modules/$v/kernel/drivers/net/virtio_net.ko" - || die gcc
touch "$work/tree/usr/lib/modules/$v"/modules.{order,builtin,builtin.modinfo}
depmod -b "$work/tree" $v

# --- the whole life
touch "$work/commands" "$work/looked" "$work/leaked"
watch_proc "$work/watched" &
watcher=$!
mkdir -p "$root/etc/orthrus/hooks.d"
cat >"$root/etc/orthrus/hooks.d/all" <<END
#!/bin/sh
cat >>$hooked/stdin
END
chmod -R go+rX "$root/etc"
chmod 755 "$root/etc/orthrus/hooks.d/all" "$root"
daemon_options=--debug
start_daemon
make_site
run site apply --yes
port=$(tls_port)
run image build compute --from "$work/tree"
run node add 'n[01-03]' --mac "$(mac 1),$(mac 2),$(mac 3)" --group compute

canary value
canary other
canary password
run secret set value "$secrets/value" --path /etc/value --mode 0400
"$orthrus" secret set other - --path /etc/other <"$secrets/other" >>"$work/commands" 2>&1 || fail "secret set -"
run secret set made --path /etc/made --generate 32
run secret rotate made --yes
(umask 077; openssl rand -hex 8 >"$work/bmc-password")
redfish_bmc bmc "$(cat "$work/bmc-password")" # its password is another: it refuses ours
run node set n01 --bmc "127.0.0.1:$redfish_port" --bmc-protocol redfish --bmc-user admin --bmc-password-file "$secrets/password" \
    --bmc-pin "$(bmc_pin "$work/bmc")"
"$orthrus" node power n01 >>"$work/commands" 2>&1 && fail "the BMC takes a wrong password"
grep -q credentials "$work/bmc/requests" || fail "the password was never sent"
"$orthrus" node boot n01 --cycle --yes >>"$work/commands" 2>&1

# A machine is enrolled by token, another by approval; the token is in no argument of ours either.
"$orthrus" node token n02 --json >"$secrets/token.json" || fail "node token"
jq -j '.tokens[0].token' "$secrets/token.json" >"$secrets/token"
{ cat "$secrets/token"; echo; } >>"$canaries"
make_keys "$(mac 2)"
machine "$(mac 2)" B >"$work/machine-2"
jq -cn --rawfile csr "$(at_of "$(mac 2)").csr" --rawfile seal "$(at_of "$(mac 2)").seal" --slurpfile m "$work/machine-2" --rawfile t "$secrets/token" \
    '{csr:$csr, seal_key:($seal | rtrimstr("\n")), machine:$m[0], token:$t}' >"$secrets/enrol"
imager '' POST /v1/enrol @"$secrets/enrol"
want 200 'by token'
value .certificate >"$(at_of "$(mac 2)").crt"
enrol "$(mac 1)" "$(machine "$(mac 1)" A)"
run node approve n01 --yes
hello "$(mac 1)" "$(machine "$(mac 1)" A)"
want 200 hello
imager "$(mac 1)" GET /v1/secrets
want 200 secrets
[ "$(value '.secrets | length')" = 3 ] || fail "n01 gets $(value '.secrets | length') secrets"
cp "$body" "$answers/secrets-of-n01"
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
imager "$(mac 1)" POST /v1/hostkey "$(host_key "$(mac 1)" n01 "$work/host_key")"
want 200 hostkey
cp "$body" "$answers/hostkey"
run head certificate anna --out "$work/anna"
pki=$root/var/lib/orthrus/pki
key_lines "$pki/ca.key" "$pki/server.key" "$pki/sign.key" "$pki/secrets.key" "$pki/ssh/host_ca" "$pki/ssh/user_ca" "$root/var/lib/orthrus/ssh/root" \
    "$work/anna/anna.key" "$(at_of "$(mac 1)").key" "$(at_of "$(mac 2)").key" "$root/var/lib/orthrus/audit.key" "$work/host_key"
[ "$(grep -c . "$canaries")" -ge 30 ] && ! grep -qE '^.{0,23}$' "$canaries" || fail "the canaries are not what they should be: $(wc -l <"$canaries") lines"

shown_of n01
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":$shown}"
want 200 install
imager "$(mac 1)" GET /v1/imager/orders
want 200 orders
cp "$body" "$answers/orders"
imager "$(mac 1)" POST /v1/imager/event "{\"install_id\":\"$(value .order.install_id)\",\"step\":\"plan\",\"event\":\"begin\",\"seq\":1}"
want 200 event
run node boot n01 --disk --yes
for _ in $(seq 1200); do "$orthrus" event list | grep -q payload-ready && break; sleep 0.1; done
[ -n "$(ls "$root"/srv/orthrus/tftp/payload/*/initrd.img 2>/dev/null)" ] || fail "no imager was made: $("$orthrus" event list | grep payload)"
# No core of the daemon, and none of a command that is given a secret.
mkfifo "$work/slow"
"$orthrus" secret set slow - --path /etc/slow <"$work/slow" >/dev/null 2>&1 &
reader=$!
exec 8>"$work/slow"
for pid in "$daemon_pid" "$reader"; do
    for _ in $(seq 50); do grep -qE '^(orthrus|orthrusd)$' "/proc/$pid/comm" && grep -qE 'Max core file size +0 ' "/proc/$pid/limits" && break; sleep 0.05; done
    grep -qE 'Max core file size +0 ' "/proc/$pid/limits" || fail "$(cat "/proc/$pid/comm") would leave a core: $(grep core "/proc/$pid/limits")"
done
exec 8>&-
wait $reader

everybody() {
    local p
    for p in status events audit site nodes nodes/n01 nodes/n01/files pending tokens cluster-secrets; do
        api GET /v1/$p
        cp "$body" "$answers/${p//\//-}"
    done
    "$orthrus" node show n01 >"$answers/node-show" 2>&1
    "$orthrus" secret list >"$answers/secret-list" 2>&1
    "$orthrus" audit show --limit 1000 >"$answers/audit-show" 2>&1
}
everybody
run node remove n01 --yes
everybody
for _ in $(seq 100); do grep -q node-removed "$hooked/stdin" 2>/dev/null && break; sleep 0.1; done
grep -q node-removed "$hooked/stdin" || fail "no hook was given what happened"
run audit verify

# --- the search finds one in each place
cp "$secrets/value" "$root/srv/orthrus/tftp/planted"; must_find tftp/planted; rm "$root/srv/orthrus/tftp/planted"
(cd "$secrets" && echo value | cpio -o -H newc --quiet | zstd -q) >"$root/srv/orthrus/tftp/initrd.planted"
must_find tftp/initrd.planted; rm "$root/srv/orthrus/tftp/initrd.planted"
for place in raft exports audit/x; do
    case $place in audit/x) f=$root/var/log/orthrus/planted ;; *) f=$root/var/lib/orthrus/$place/planted ;; esac
    mkdir -p "${f%/*}"
    { head -c 5000 /dev/urandom; base64 -w0 <"$secrets/password"; } >"$f"
    must_find "$f"
    rm "$f"
done
for f in "$work/log" "$work/commands" "$answers/planted" "$hooked/stdin"; do
    cp "$f" "$work/aside" 2>/dev/null || : >"$work/aside"
    sed -n 3p "$pki/ca.key" >>"$f"
    must_find "$f"
    cp "$work/aside" "$f"
done
mkdir "$work/leaky"
cp "$secrets/token" "$work/leaky/file"
"$orthrus" image build leaky --from "$work/leaky" >/dev/null 2>&1 || fail "image build leaky"
must_find 'image leaky'
run image delete "$("$orthrus" image list --json | jq -r '.images[] | select(.name == "leaky") | .ref')" --yes
[ ! -s "$work/leaked" ] || fail "a secret was seen in: $(sort -u "$work/leaked" | head -n 5)"
# In arguments and environment: here it is seen.
bash -c 'exec -a "$(cat "$1")" sleep 30' _ "$secrets/value" &
p1=$!
bash -c 'X=$(cat "$1") exec sleep 30' _ "$secrets/value" &
p2=$!
for _ in $(seq 200); do grep -q "/$p1/cmdline" "$work/leaked" && grep -q "/$p2/environ" "$work/leaked" && break; sleep 0.05; done
grep -q "/$p1/cmdline" "$work/leaked" || fail "the search is blind for arguments"
grep -q "/$p2/environ" "$work/leaked" || fail "the search is blind for environments"
kill $p1 $p2
wait $p1 $p2 2>/dev/null
touch "$work/watched"
wait $watcher
[ "$(wc -l <"$work/looked")" -ge 20 ] || fail "processes were looked at $(wc -l <"$work/looked") times only"

# --- and nothing in any
search >"$work/found"
[ ! -s "$work/found" ] || fail "a secret is in: $(cat "$work/found")"
stop_daemon TERM
grep -rlaF -f "$canaries" "$root" "$work/log" "$hooked" | grep -vE "$root($own)" >"$work/found"
[ ! -s "$work/found" ] || fail "after the end a secret is in: $(cat "$work/found")"
[ "$failed" = 0 ] && echo "$(grep -c . "$canaries") canaries, processes looked at $(wc -l <"$work/looked") times"
exit $failed
