#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# Disk plans performed for real: one virtual machine with virtio, SATA, NVMe and 4 KiB-sector disks goes through every RAID level, a spare, a
# degraded array, a power cut in the middle, arrays that run and arrays that were only found. Each array is stopped, assembled again by mdadm
# and must still hold its file.
. "$(dirname "$0")/../lab/lab.sh"

tool=$BUILD/tests/lab/raid_tool
payload=$BUILD/tests/lab/netboot_tool
for p in cpio apt-get dpkg-deb; do command -v $p >/dev/null || lab_skip "needs the program $p"; done
[ -x "$tool" ] && [ -x "$payload" ] || lab_skip "needs $tool and $payload: make tests"

kernel_tree() { # Debian's kernel and modules, unpacked; sets TREE
    local package version tmp
    package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }')
    version=$(apt-cache show --no-all-versions "$package" 2>/dev/null | awk '/^Version:/ { print $2; exit }')
    [ -n "$version" ] || lab_skip "apt knows no linux-image-amd64 here (apt-get update)"
    TREE=$CACHE/kernel-$package-$version
    [ -e "$TREE" ] && return 0
    mkdir -p "$CACHE"
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
    (cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "$package" >/dev/null && dpkg-deb -x ./*.deb tree && mkdir -p tree/usr/lib &&
        cp -a tree/lib/. tree/usr/lib/ && rm -rf tree/lib && ln -s usr/lib tree/lib && depmod -b tree "${package#linux-image-}") ||
        lab_fail "can't get $package"
    mv -T "$tmp/tree" "$TREE" 2>/dev/null || true
    rm -rf "$tmp"
}

# layout NAME LEVEL WANT MIN SPARES PROTECT: an ESP as RAID1 and a root of that level
layout() {
    local bitmap='"bitmap":"internal",' spares=
    [ "$2" != 0 ] || bitmap=
    [ "$5" = 0 ] || spares="\"spares\":$5,"
    cat > "$W/x/l/$1.json" <<-END
	{"name":"$1","disks":{"want":$3,"min":$4,"protect":[$6]},
	 "parts":[{"id":"bios","size":"1M"},{"id":"esp","size":"300M"},{"id":"sys","size":"rest"}],
	 "md":[{"name":"esp","level":1,"metadata":"1.0","on":"esp"},{"name":"sys","level":$2,"metadata":"1.2",$bitmap$spares"on":"sys"}],
	 "fs":[{"on":"sys","type":"${7:-ext4}","mount":"/"},{"on":"esp","type":"vfat","mount":"/boot/efi","options":"nofail"}],
	 "boot":{"bios":true,"uefi":true}}
	END
}

guest_script() {
    cat <<'END'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
exec </dev/console >/dev/console 2>&1
echo 3 >/proc/sys/kernel/printk
modprobe -qab md_mod raid0 raid1 raid10 raid456 ext4 xfs vfat nls_cp437 nls_ascii nls_utf8 virtio_blk virtio_pci ahci sd_mod nvme
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger --type=subsystems --action=add; udevadm trigger --type=devices --action=add; udevadm settle
find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u | xargs modprobe -qab 2>/dev/null
udevadm settle
mkdir -p /target
t=orthrus-imager
stop() { echo "RAIDTEST $*"; sync; poweroff -f; sleep 60; }
bad() { cat /tmp/out /proc/mdstat; dmesg | tail -n 20; stop "FAILED: $*"; }
ok() { echo "RAIDTEST ok: $*"; }
run() { "$t" "$@" >/tmp/out 2>&1; }
seed() { echo "0011223344556677889900000000$1"; }
assemble() { mdadm --assemble --scan --config=/tmp/md.conf >/tmp/asm 2>&1; udevadm settle; } # by UUID, as nodes do
whole() { # LAYOUT SEED: do, stop, assemble, read back, stop
    run do /l/$1.json "$(seed $2)" all || bad "$1: do"
    cp /tmp/out /tmp/plan-$1; cp /proc/mdstat /tmp/mdstat-$1; mdadm --detail --scan >/tmp/md.conf
    for a in /sys/block/md*/md/sync_action; do [ "$(cat $a)" = frozen ] || bad "$1: $a is $(cat $a)"; done
    run undo /l/$1.json "$(seed $2)" || bad "$1: undo"
    grep -q '^md' /proc/mdstat && bad "$1: an array still runs"
    assemble
    run check /l/$1.json "$(seed $2)" || { cat /tmp/asm; bad "$1: check"; }
    grep -q '^md' /proc/mdstat && bad "$1: an array still runs after the check"
    ok "$1"
}
ls -l /sys/block | sed 's/.*-> //'

whole raid1 0001
grep -q 'raid1' /tmp/mdstat-raid1 || bad "raid1: mdstat"
mdadm --examine /dev/disk/by-partlabel/sys >/tmp/out 2>&1; grep -Eq 'Name : any:sys( |$)' /tmp/out || bad "raid1: the array belongs to one host"
mdadm --examine /dev/disk/by-partlabel/esp >/tmp/out 2>&1; grep -q 'Version : 1.0' /tmp/out || bad "raid1: the ESP's metadata"
# The boot code of a disk without a boot loader: a message and INT 18h, nothing that starts anything.
[ "$(dd if=/dev/vda bs=1 skip=80 count=360 2>/dev/null | tr -d '\0' | wc -c)" = 0 ] || bad "raid1: boot code on a disk"
dd if=/dev/vda bs=64 count=1 2>/dev/null | od -An -tx1 | tr -d ' \n' | grep -q cd18 || bad "raid1: the boot code does not go on to the next device"

run do /l/raid1.json "$(seed 0002)" 6 || bad "power cut: first half"
grep -q "md member of array 'any:sys'" /tmp/out || bad "power cut: the plan does not say what was found"
whole raid1 0002

assemble
run do /l/raid5.json "$(seed 0003)" all && bad "running arrays were overwritten"
grep -q 'refused.*in use' /tmp/out || bad "running arrays: not the right words"
run undo /l/raid1.json "$(seed 0002)" || bad "running arrays: stop"
ok "running arrays refused"

part=$(readlink -f /dev/disk/by-partlabel/sys)
mdadm --incremental --config=none $part >/tmp/out 2>&1
grep -q inactive /proc/mdstat || bad "no idle array to try with"
whole raid5 0003
grep -q 'raid5' /tmp/mdstat-raid5 || bad "raid5: mdstat"
grep -q '(S)' /tmp/mdstat-raid5 || bad "raid5: no spare"
whole raid6 0004
grep -q 'raid6' /tmp/mdstat-raid6 || bad "raid6: mdstat"
whole raid10 0005
whole raid0 0006
whole degraded 0007
grep -q '\[2/1\] \[U_\]' /tmp/mdstat-degraded || bad "degraded: mdstat"
whole degraded5 0008
whole 4k 0009
grep -q 'R1K' /tmp/plan-4k || bad "4k: not on the disks with large sectors"

run do /l/raid6.json "$(seed 000a)" all || bad "a member fails: do"
name=$(awk '/^md.*raid6/ { print $1 }' /proc/mdstat)
mdadm --fail /dev/$name "/dev/$(ls /sys/block/$name/slaves | head -n 1)" >/dev/null 2>&1
run check /l/raid6.json "$(seed 000a)" && bad "a failed member was not noticed"
grep -q '1 of 4 members failed: .*serial R' /tmp/out || bad "a failed member: not the right words"
run undo /l/raid6.json "$(seed 000a)" && bad "a failed member was not noticed at the end"
grep -q '1 of 4 members failed: .*serial R' /tmp/out || bad "a failed member at the end: not the right words"
grep -q '^md' /proc/mdstat && bad "a member fails: an array still runs"
ok "a failed member is named"
stop "all ok"
END
}

lab_begin
kernel_tree
mkdir -p "$W/anchors" "$W/x/l" "$W/vm"
for f in ca.crt sign.pub cluster-id; do echo test > "$W/anchors/$f"; done
key=$("$payload" payload "$TREE" "$tool" "$TOP/netboot/initramfs" "$W/anchors" "$W/tftp")
layout raid1 1 2 2 0 '"R3","R4"'
layout raid5 5 4 3 1 ''
layout raid6 6 4 4 0 '' xfs
layout raid10 10 4 4 0 ''
layout raid0 0 3 3 0 ''
layout degraded 1 2 1 0 '"R2","R3","R4","R1K","R2K"'
layout degraded5 5 3 2 0 '"R1","R3","R1K","R2K"'
layout 4k 1 2 2 0 '"R1","R2","R3","R4"'
guest_script > "$W/x/raid-init"
chmod 755 "$W/x/raid-init"
(cd "$W/x" && find . | cpio -o -H newc --quiet) > "$W/initrd"
cat "$W/tftp/payload/$key/initrd.img" >> "$W/initrd"

blocks=()
for d in R1 R2 R3 R4 R1K R2K; do
    qemu-img create -q -f qcow2 "$W/vm/$d.qcow2" 3G
    blocks+=(-blockdev "driver=file,filename=$W/vm/$d.qcow2,node-name=f$d,cache.no-flush=on" -blockdev "driver=qcow2,file=f$d,node-name=$d,detect-zeroes=on")
done
: > "$W/vm/1.serial"
qemu-system-x86_64 -machine q35,graphics=off -accel tcg,thread=multi -cpu max -smp 1 -m 1024 -nodefaults -display none -vga none -no-reboot \
    -serial "file:$W/vm/1.serial" -kernel "$W/tftp/payload/$key/vmlinuz" -initrd "$W/initrd" \
    -append "console=ttyS0,115200 rdinit=/raid-init orthrus.raidtest=1 quiet" "${blocks[@]}" \
    -device virtio-blk-pci,drive=R1,serial=R1 -device virtio-blk-pci,drive=R2,serial=R2 -device ide-hd,drive=R3,serial=R3 -device nvme,drive=R4,serial=R4 \
    -device virtio-blk-pci,drive=R1K,serial=R1K,logical_block_size=4096,physical_block_size=4096 \
    -device virtio-blk-pci,drive=R2K,serial=R2K,logical_block_size=4096,physical_block_size=4096 >"$W/vm/1.qemu" 2>&1 </dev/null &
echo $! > "$W/vm/1.pid"
lab_pids+=($!)
lab_wait 1 'RAIDTEST (all ok|FAILED)' 900
grep -a 'RAIDTEST' "$W/vm/1.serial" | tr -d '\r'
grep -aq 'RAIDTEST all ok' "$W/vm/1.serial" || { tr -d '\r' < "$W/vm/1.serial" | tail -n 80; lab_fail "see above"; }
lab_say "every level was made, stopped, assembled and read again"
