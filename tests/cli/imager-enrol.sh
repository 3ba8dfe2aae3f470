#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real imager and the real daemon, over TLS: the machine shows its fingerprint and waits, is approved, rejected, let in by a token,
# removed while it runs; and the certificate that its installed system would have is renewed. The imager runs on a root of its own in
# memory, as in the initramfs; it sees no disk there, no network card that this machine has, and no mdadm.
set -u
. "$TOP/tests/cli/daemon.bash"
[ "$(id -u)" = 0 ] || { echo "SKIP: needs root"; exit 77; }
mac() { printf '52:54:00:00:00:%02x' "$1"; }

# What starts below ends with this test.
imager_pid=""
end() {
    [ -z "$imager_pid" ] || { kill "$imager_pid"; wait "$imager_pid"; } 2>/dev/null
    cleanup
}
trap end EXIT

# ram N: the machine's memory: a root with programs, but without disks. What it keeps over a start is in $work/kept-N.
cat >"$work/ram" <<'END'
set -eu
ram=$1 kept=$2 trust=$3
shift 3
mount -t tmpfs -o mode=755 tmpfs "$ram"
mkdir "$ram"/{usr,proc,sys,dev,etc,run,tmp,target,fake}
for d in bin sbin lib lib64; do ln -s "usr/$d" "$ram/$d"; done
mount --bind /usr "$ram/usr"
mount -o remount,bind,ro "$ram/usr"
mount -t proc proc "$ram/proc"
for f in null zero random urandom; do : >"$ram/dev/$f"; mount --bind "/dev/$f" "$ram/dev/$f"; done
cp -r "$kept"/sys/. "$ram/sys"
mkdir -p "$kept/run" "$ram/run/orthrus"
mount --bind "$kept/run" "$ram/run/orthrus"
cp -r "$trust" "$ram/etc/orthrus"
printf '#!/bin/sh\nexit 1\n' >"$ram/fake/mdadm"
chmod 755 "$ram/fake/mdadm"
cp "$IMAGER" "$ram/fake/orthrus-imager"
exec env PATH=/fake:/usr/sbin:/usr/bin chroot "$ram" /fake/orthrus-imager "$@"
END
machine_ram() { # N
    local sys=$work/kept-$1/sys
    mkdir -p "$sys"/{block,class/block,devices/system/cpu/cpu0,class/net/otest0/device,class/dmi/id,firmware/dmi/tables}
    mac "$1" >"$sys/class/net/otest0/address"
    echo "BOX$1" >"$sys/class/dmi/id/product_serial"
}
power_on() { # N
    mkdir -p "$work/ram-$1"
    : >"$work/console-$1"
    IMAGER=$BUILD/orthrus-imager unshare -m --propagation private bash "$work/ram" "$work/ram-$1" "$work/kept-$1" "$work/trust" \
        --server "https://127.0.0.1:$port" --mac "$(mac "$1")" >>"$work/console-$1" 2>&1 </dev/null &
    imager_pid=$!
}
power_off() { kill "$imager_pid" 2>/dev/null; wait "$imager_pid" 2>/dev/null; imager_pid=""; }
# says N TEXT [TIMES]: wait for it on the machine's console
says() {
    for _ in $(seq 300); do
        [ "$(grep -cF -- "$2" "$work/console-$1")" -ge "${3:-1}" ] && return 0
        sleep 0.1
    done
    fail "machine $1 does not say '$2': $(tail -n 8 "$work/console-$1")"
    return 1
}
words_on_console() { sed -n 's/^orthrus-imager: fingerprint: //p' "$work/console-$1" | tail -n 1; }
words_on_head() { curl -s --unix-socket "$sock" http://x/v1/pending | jq -r --arg m "$(mac "$1")" '.pending[] | select(.mac == $m) | .words'; }

start_daemon
make_site
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add 'n[01-02]' --mac "$(mac 1),$(mac 2)" --group compute >/dev/null || die "node add"
port=$(tls_port)
pki=$root/var/lib/orthrus/pki
mkdir "$work/trust"
cp "$pki/ca.crt" "$pki/sign.pub" "$pki/cluster-id" "$work/trust/"
machine_ram 1
machine_ram 2

# It waits; both screens show the same words; approved, it goes on at once.
power_on 1
says 1 'waits for approval'
says 1 "this machine's identity is new"
words=$(words_on_console 1)
[ "$(echo "$words" | wc -w)" = 6 ] || fail "the console shows '$words'"
[ "$words" = "$(words_on_head 1)" ] || fail "the console shows '$words', the head '$(words_on_head 1)'"
"$orthrus" node approve n01 --yes >"$work/out" 2>&1 || fail "approve: $(cat "$work/out")"
says 1 'this is n01; waiting for orders'
grep -q PRIVATE "$work/console-1" && fail "a key is on the console"
for f in node.key node.crt node.seal; do
    [ "$(stat -c %a "$work/kept-1/run/$f")" = 600 ] || fail "$f has mode $(stat -c %a "$work/kept-1/run/$f")"
done
[ "$(stat -c %a "$work/kept-1/run")" = 700 ] || fail "the directory of the keys has mode $(stat -c %a "$work/kept-1/run")"
openssl x509 -in "$work/kept-1/run/node.crt" -noout -subject | grep -q 'CN = n01' || fail "the certificate is for somebody else"

# What the installed system would have: the same keys, and the request in a file. Its script against the real head.
etc=$work/etc
mkdir "$etc" "$work/renew-run"
cp "$work/kept-1/run/"node.* "$pki/ca.crt" "$etc/"
awk '/^=== \// { on = $2 == "/usr/lib/orthrus/orthrus-renew"; next } on' \
    < <(sed 's/^\(.*[^=].*\)\(=== \/\)/\1\n\2/' "$TOP/tests/golden/installer/raid1.files") >"$work/renew"
openssl req -new -key "$etc/node.key" -subj /CN=n01 -out "$work/csr" 2>/dev/null || fail "openssl req"
public=$(openssl pkey -inform DER -pubout -outform DER -in <({
    printf '\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20'
    tr -d '\n' <"$etc/node.seal" | sed 's/../\\x&/g' | xargs -0 printf '%b'
}) | tail -c 32 | od -An -v -tx1 | tr -d ' \n')
jq -cn --rawfile c "$work/csr" --arg s "$public" '{csr: $c, seal_key: $s}' >"$etc/node.enrol"
renew() {
    env -i PATH="$PATH" ORTHRUS_DIR="$etc" RUNTIME_DIRECTORY="$work/renew-run" ORTHRUS_SERVER="https://127.0.0.1:$port" ORTHRUS_NODE=n01 \
        sh "$work/renew" >"$work/out" 2>&1
}
renew || fail "the installed system gets no certificate: $(cat "$work/out")"
cmp -s "$etc/node.crt" "$work/kept-1/run/node.crt" && fail "the certificate is the old one"
openssl verify -CAfile "$pki/ca.crt" "$etc/node.crt" >/dev/null || fail "the head did not sign it"

# Started again: the same machine, and nobody is asked again.
power_off
power_on 1
says 1 'this is n01; waiting for orders'
[ "$words" = "$(words_on_console 1)" ] || fail "it is another machine now: $(words_on_console 1)"
[ -z "$(words_on_head 1)" ] || fail "it waits for approval again"

# Removed: it learns of it at once, and is nobody. The same words when it is made a node again.
"$orthrus" node remove n01 --yes >"$work/out" 2>&1 || fail "remove: $(cat "$work/out")"
says 1 'waits for approval'
renew
[ $? = 3 ] || fail "a removed node's certificate is renewed: $(cat "$work/out")"
"$orthrus" node reject --fingerprint "$words" --yes >"$work/out" 2>&1 || fail "reject: $(cat "$work/out")"
says 1 'rejected this machine'
power_off
"$orthrus" node add n01 --mac "$(mac 1)" --group compute >/dev/null || fail "node add"
"$orthrus" node approve n01 --fingerprint "$words" --yes >"$work/out" 2>&1 || fail "approve again: $(cat "$work/out")"
power_on 1
says 1 'this is n01; waiting for orders'

# Told to start from its disks, it ends.
"$orthrus" node boot n01 --disk --yes >"$work/out" 2>&1 || fail "boot --disk: $(cat "$work/out")"
wait "$imager_pid"
rc=$?
imager_pid=""
[ $rc = 0 ] || fail "the imager ends with $rc: $(tail -n 3 "$work/console-1")"
says 1 'n01 starts from its own disks'

# A token in the SMBIOS tables; and one that is spent is said, and is no way in.
token=$("$orthrus" node token n02 --json | jq -r '.. | .token? // empty' | head -n 1)
[ "${#token}" = 32 ] || fail "no token: $token"
oem() { printf '\13\5\2\0\1io.systemd.credential:orthrus.token=%s\0\0\177\4\3\0\0\0' "$1" >"$work/kept-2/sys/firmware/dmi/tables/DMI"; }
oem "$token"
power_on 2
says 2 'this is n02; waiting for orders'
grep -q "$token" "$work/console-2" && fail "the token is on the console"
power_off
rm -rf "$work/kept-2/run"
power_on 2
says 2 'the token is not taken'
says 2 'waits for approval'
power_off
exit $failed
