#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# image capture of a real Debian machine with a volume on LVM and a btrfs, while something writes to both: the image is of one moment, the
# manifest says so, and no snapshot is left, whoever is killed.
. "$(dirname "$0")/../lab/lab.sh"

for p in ssh ssh-keygen mke2fs jq; do command -v $p >/dev/null || lab_skip "needs the program $p"; done
SUITE=${ORTHRUS_LAB_SUITE:-bookworm}

machine() { # the machine's disk, kernel and initrd; sets VM
    local key tmp
    key=$( (lab_cache_key "$SUITE"; guest_script) | sha256sum | cut -c1-24)
    VM=$CACHE/capture-$key
    [ ! -e "$VM/done" ] || return 0
    mkdir -p "$CACHE"
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
    "$BUILD/orthrus" --root "$tmp/head" site init --cluster lab --interface eth0 --subnet 10.77.0.0/24 >/dev/null
    # Outside the namespaces: it needs the mirror.
    "$BUILD/orthrus" --root "$tmp/head" image build vm --suite "$SUITE" --package lvm2 --package btrfs-progs --package iproute2 --quiet &&
        "$BUILD/orthrus" --root "$tmp/head" image export vm "$tmp/tree" --quiet || { rm -rf "$tmp"; lab_fail "no machine could be made"; }
    guest_script >"$tmp/tree/capture-init"
    chmod 755 "$tmp/tree/capture-init"
    truncate -s 3G "$tmp/disk.raw"
    mke2fs -q -t ext4 -d "$tmp/tree" "$tmp/disk.raw"
    cp "$tmp"/tree/boot/vmlinuz-* "$tmp/vmlinuz" && cp "$tmp"/tree/boot/initrd.img-* "$tmp/initrd.img"
    rm -rf "$tmp/tree" "$tmp/head"
    touch "$tmp/done"
    mv -T "$tmp" "$VM" 2>/dev/null || rm -rf "$tmp"
}

guest_script() {
    cat <<'END'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -o remount,rw /
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts; mount -t devpts devpts /dev/pts; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
exec </dev/console >/dev/console 2>&1
bad() { echo "CAPTURE FAILED: $*"; sync; poweroff -f; sleep 60; }
hostname captured
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add; udevadm settle
modprobe -a virtio_net dm_mod dm_snapshot btrfs
udevadm settle
nic=$(ls /sys/class/net | grep -v lo | head -n 1)
ip link set lo up; ip link set "$nic" up; ip addr add 10.77.0.50/24 dev "$nic" || bad "network"
pvcreate -q -y /dev/vdb && vgcreate -q vg /dev/vdb && lvcreate -q -y -L 600M -n data vg || bad "lvm"
mkfs.ext4 -q /dev/vg/data && mkfs.btrfs -q /dev/vdc || bad "mkfs"
mkdir -p /srv/data /srv/bt; mount /dev/vg/data /srv/data && mount /dev/vdc /srv/bt || bad "mount"
for d in /srv/data /srv/bt; do
    mkdir -p $d/sub; head -c 8000000 /dev/urandom >$d/sub/noise; setfattr -n user.x -v y $d/sub/noise 2>/dev/null; ln $d/sub/noise $d/link
    # a is written before b, always: in one moment they are equal, or a is one ahead.
    (n=0; while :; do n=$((n + 1)); echo $n >$d/0-a.new; mv $d/0-a.new $d/0-a; echo $n >$d/z-b.new; mv $d/z-b.new $d/z-b; sleep 0.01; done) &
done
cat >/usr/local/bin/tar <<'SH'
#!/bin/bash
if [ -e /tmp/stall ] && [ "${1:-}" = --create ]; then /usr/bin/tar "$@" | { head -c 1000000; touch /tmp/stalled; exec sleep 600; }; exit; fi
exec /usr/bin/tar "$@"
SH
chmod 755 /usr/local/bin/tar
mkdir -p /run/sshd /root/.ssh
tr -d '\0' </dev/vdd >/root/.ssh/authorized_keys; chmod 700 /root/.ssh; chmod 600 /root/.ssh/authorized_keys
ssh-keygen -A >/dev/null
echo "CAPTURE KEY $(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub)"
/usr/sbin/sshd || bad "sshd"
echo "CAPTURE READY"
while :; do sleep 1000; done
END
}

lab_begin
machine
ssh-keygen -q -t ed25519 -N '' -f "$W/id"
qemu-img create -q -f qcow2 -b "$VM/disk.raw" -F raw "$W/vm/a.qcow2"
qemu-img create -q -f qcow2 "$W/vm/b.qcow2" 1500M
qemu-img create -q -f qcow2 "$W/vm/c.qcow2" 600M
cp "$W/id.pub" "$W/vm/key" && truncate -s 4096 "$W/vm/key"
ip -n "$NS_SW" tuntap add dev tap1 mode tap
ip -n "$NS_SW" link set tap1 master br0 up
: >"$W/vm/1.serial"
ip netns exec "$NS_SW" qemu-system-x86_64 -machine q35,graphics=off -accel tcg,thread=multi -cpu max -smp 1 -m 1024 -nodefaults -display none -vga none \
    -no-reboot -serial "file:$W/vm/1.serial" -device virtio-rng-pci -kernel "$VM/vmlinuz" -initrd "$VM/initrd.img" \
    -append "console=ttyS0,115200 root=/dev/vda rw init=/capture-init quiet" \
    -drive "file=$W/vm/a.qcow2,if=virtio" -drive "file=$W/vm/b.qcow2,if=virtio" -drive "file=$W/vm/c.qcow2,if=virtio" \
    -drive "file=$W/vm/key,format=raw,if=virtio,readonly=on" \
    -netdev tap,id=net0,ifname=tap1,script=no,downscript=no -device "virtio-net-pci,netdev=net0,mac=$(lab_mac 1),romfile=" >"$W/vm/1.qemu" 2>&1 </dev/null &
echo $! >"$W/vm/1.pid"
lab_pids+=($!)
lab_wait 1 'CAPTURE (READY|FAILED)' 300
grep -aq 'CAPTURE READY' "$W/vm/1.serial" || lab_fail "the machine did not start"
lab_say "the machine runs"
sed -n 's/\r//g; s/^CAPTURE KEY /10.77.0.50 /p' "$W/vm/1.serial" >"$W/known"
options=(-o "IdentityFile=$W/id" -o IdentitiesOnly=yes -o "UserKnownHostsFile=$W/known" -o StrictHostKeyChecking=yes -o BatchMode=yes)
far() { head_run ssh "${options[@]}" root@10.77.0.50 "$@"; }
capture() { # NAME DIR [OPTIONS]
    local name=$1 dir=$2
    shift 2
    orthrus image capture "$name" --from "root@10.77.0.50:$dir" --ssh-option "IdentityFile=$W/id" --ssh-option IdentitiesOnly=yes \
        --ssh-option "UserKnownHostsFile=$W/known" "$@"
}
manifest() { orthrus image show "$1" --json | jq -r '.manifest | "\(.snapshot) \(.crash_consistent)"'; }
clean() { # no snapshot, nothing mounted, no directory of ours
    far 'lvs --noheadings -o lv_name vg | grep orthrus && exit 1; compgen -G "/srv/bt/.orthrus*" && exit 1; compgen -G "/run/orthrus-capture.*" && exit 1
        grep -s orthrus /proc/*/mountinfo && exit 1; true' >&2
}
one_moment() { # DIR: is what came out of the image?
    local a b
    a=$(cat "$1/0-a") b=$(cat "$1/z-b")
    [ "$a" = "$b" ] || [ "$a" = $((b + 1)) ] || lab_fail "$1 is of two moments: $a and $b"
    [ "$(stat -c %h "$1/link")" = 2 ] && [ "$(stat -c %s "$1/sub/noise")" = 8000000 ] || lab_fail "$1 is not whole"
}

orthrus site init --cluster lab --interface eth0 --subnet 10.77.0.0/24 >/dev/null
lab_until 120 "sshd on the machine" far true
capture data /srv/data --plan | grep -q 'LVM snapshot of vg/data' || lab_fail "the plan: $(capture data /srv/data --plan 2>&1)"
for what in 'data /srv/data lvm' 'bt /srv/bt btrfs'; do
    read -r name dir method <<<"$what"
    capture "$name" "$dir" --quiet
    [ "$(manifest "$name")" = "$method true" ] || lab_fail "$name: the manifest says $(manifest "$name")"
    clean || lab_fail "$name: something was left on the machine"
    orthrus image export "$name" "$W/out-$name" --quiet
    one_moment "$W/out-$name"
    lab_say "$name: held still by $method, of one moment, nothing left"
done

# Both in one, with the root that lives: not one moment, and not said to be.
capture all / --quiet
[ "$(manifest all)" = 'two-pass false' ] || lab_fail "all: the manifest says $(manifest all)"
clean || lab_fail "all: something was left on the machine"
orthrus image export all "$W/out-all" --quiet
one_moment "$W/out-all/srv/data"
one_moment "$W/out-all/srv/bt"
[ -z "$(find "$W/out-all"/{proc,run,dev,tmp} -mindepth 1)" ] || lab_fail "all: /proc, /run, /dev or /tmp is not empty"
[ ! -e "$W/out-all/etc/ssh/ssh_host_ed25519_key" ] && [ -x "$W/out-all/usr/bin/bash" ] && [ ! -s "$W/out-all/etc/machine-id" ] || lab_fail "all: identity, or no system"
jq -e '.lsblk[] | select(.name == "vda")' "$W"/head/srv/orthrus/store/images/all/*/layout.json >/dev/null || lab_fail "all: layout.json knows no disk"
lab_say "the whole machine: two snapshots and a root that lives"

# Whoever is killed, the snapshot goes: orthrus with -9, then ssh alone.
for victim in orthrus ssh; do
    for what in 'data /srv/data' 'bt /srv/bt'; do
        read -r name dir <<<"$what"
        far 'rm -f /tmp/stalled; touch /tmp/stall'
        capture "$name" "$dir" --quiet >"$W/killed.log" 2>&1 &
        shell=$!
        lab_until 60 "$name: tar on the machine" far 'test -e /tmp/stalled'
        far 'lvs --noheadings -o lv_name vg | grep -q orthrus || ls -d /srv/bt/.orthrus*' >/dev/null || lab_fail "$name: no snapshot was there"
        for pid in $(ps -o pid= --ppid "$shell" | tr -d ' ') $shell; do
            case $victim:$(cat "/proc/$pid/comm" 2>/dev/null) in
            orthrus:orthrus) kill -KILL "$pid" ;;
            ssh:orthrus) kill -KILL "$(ps -o pid= --ppid "$pid" | tr -d ' ' | head -n 1)" ;;
            esac
        done
        wait "$shell" && lab_fail "$name: a capture that was killed succeeded"
        lab_until 60 "$name: the snapshot goes after $victim was killed" clean
    done
    lab_say "$victim killed: the snapshots are gone"
done
far 'rm -f /tmp/stall'
[ "$(orthrus image list --json | jq '.images | length')" = 3 ] || lab_fail "something was stored of a capture that was killed"

# What a power cut left is named, and removed.
far 'lvcreate -q -y -s -L 50M -n orthrus_capture_1_0 vg/data && btrfs subvolume snapshot -r /srv/bt /srv/bt/.orthrus-capture-1' >/dev/null
capture data /srv/data --plan | grep -q 'remove root@10.77.0.50:vg/orthrus_capture_1_0' || lab_fail "the plan does not name what was left"
capture data /srv/data --quiet
clean || lab_fail "what an earlier capture left is still there"

# No room for a snapshot: read while it lives, and said.
far 'lvcreate -q -y -l 100%FREE -n full vg' >/dev/null
capture data /srv/data --quiet
[ "$(manifest data)" = 'two-pass false' ] || lab_fail "without room: the manifest says $(manifest data)"
lab_say "all as it should be"
