#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The imager's initramfs from a small tree: the same bytes twice, an archive that cpio reads, programs that start without this machine's
# libraries, and the modules that were wanted.
set -eu
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD=${BUILD:-$TOP/build}
tool=$BUILD/tests/lab/netboot_tool
imager=${IMAGER:-$BUILD/orthrus-imager}
for p in cpio zstd busybox depmod gcc mdadm mkfs.xfs mkfs.fat smartctl; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
[ -x "$tool" ] && [ -x "$imager" ] || { echo "needs $tool and $imager: make tests"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "needs root to unpack devices and to chroot"; exit 77; }
w=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-payload.XXXXXX")
trap 'rm -rf "$w"' EXIT
trap 'exit 1' INT TERM
fail() { echo "FAILED: $*"; exit 1; }

echo "--- a tree with two kernels; the newer one has modules that are wanted, some that are not, and firmware"
v=6.1.0-10-amd64
mkdir -p "$w/tree/boot" "$w/tree/usr/lib/firmware/made" "$w/anchors"
ln -s usr/lib "$w/tree/lib" # merged, as Debian's trees are
module() { # $1: version, $2: path, $3: alias, $4: firmware
    f=$w/tree/usr/lib/modules/$1/$2
    mkdir -p "${f%/*}"
    printf '__attribute__((section(".modinfo"),used)) static const char i[] = "license=GPL\\0alias=%s\\0firmware=%s\\0vermagic=%s SMP";\n' \
        "$3" "$4" "$1" | gcc -x c -c -o "$f" -
}
for k in 6.1.0-9-amd64 $v; do
    echo "kernel $k" >"$w/tree/boot/vmlinuz-$k"
    module $k kernel/drivers/net/virtio_net.ko 'virtio:d00000001v*' made/nic.fw
    module $k kernel/drivers/md/raid1.ko md-level-1 none.fw
    module $k kernel/sound/snd.ko 'snd:*' none.fw
    : >"$w/tree/usr/lib/modules/$k/modules.order"
    : >"$w/tree/usr/lib/modules/$k/modules.builtin"
    : >"$w/tree/usr/lib/modules/$k/modules.builtin.modinfo"
    depmod -b "$w/tree" $k
done
echo "kernel without modules" >"$w/tree/boot/vmlinuz-7.0.0"
echo "firmware" >"$w/tree/usr/lib/firmware/made/nic.fw"
for f in ca.crt sign.pub cluster-id; do echo "anchor $f" >"$w/anchors/$f"; done

make_payload() { "$tool" payload "$w/tree" "$imager" "$TOP/netboot/initramfs" "$w/anchors" "$1"; }
key=$(make_payload "$w/one") || fail "payload"
find "$w/tree" "$w/anchors" -exec touch -d '2001-01-01' {} +
again=$(make_payload "$w/two") || fail "payload"
[ "$key" = "$again" ] || fail "another key for the same inputs"
for f in initrd.img rescue.img; do cmp "$w/one/payload/$key/$f" "$w/two/payload/$key/$f" || fail "other bytes from the same inputs: $f"; done
grep -q "kernel $v" "$w/one/payload/$key/vmlinuz" || fail "not the newest kernel that has modules"
[ "$(stat -c %a "$w/one/payload/$key")" = 755 ] && [ "$(stat -c %a "$w/one/payload/$key/initrd.img")" = 644 ] || fail "modes"
echo changed >>"$w/anchors/ca.crt"
[ "$(make_payload "$w/three")" != "$key" ] || fail "the same key with another trust anchor"

echo "--- what is inside"
zstd -dqc "$w/one/payload/$key/initrd.img" >"$w/cpio"
cpio -it --quiet <"$w/cpio" >"$w/list" || fail "cpio can't read it"
for f in init usr/bin/orthrus-imager usr/bin/busybox usr/sbin/modprobe usr/sbin/mdadm usr/sbin/mkfs.ext4 usr/sbin/mkfs.xfs usr/sbin/mkfs.vfat \
    usr/sbin/mkswap usr/sbin/wipefs usr/sbin/blkid usr/sbin/blockdev usr/sbin/smartctl usr/bin/udevadm usr/lib/systemd/systemd-udevd \
    usr/lib/udev/rules.d/60-persistent-storage.rules etc/udhcpc.script etc/orthrus/ca.crt etc/orthrus/sign.pub etc/orthrus/cluster-id \
    usr/lib/modules/$v/kernel/drivers/net/virtio_net.ko usr/lib/modules/$v/kernel/drivers/md/raid1.ko usr/lib/modules/$v/modules.dep \
    usr/lib/firmware/made/nic.fw dev/console usr/bin/sh usr/sbin/udhcpc; do
    grep -qx "$f" "$w/list" || fail "$f is not in the initramfs"
done
! grep -E 'snd\.ko|6\.1\.0-9|md-raid-assembly|linuxrc' "$w/list" || fail "what should not be there"
[ -z "$(sort "$w/list" | uniq -d)" ] || fail "a path appears twice"

echo "--- every program starts with the initramfs as its only root"
mkdir "$w/root"
(cd "$w/root" && cpio -id --quiet <"$w/cpio")
in_root() { chroot "$w/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null; }
for c in 'busybox true' 'modprobe --version' 'mdadm --version' 'mkfs.ext4 -V' 'mkfs.xfs -V' 'mkfs.vfat --help' 'mkswap --version' 'wipefs --version' \
    'blkid --version' 'blockdev --version' 'smartctl --version' 'udevadm --version' '/usr/lib/systemd/systemd-udevd --version' \
    'sh -n /init' 'sh -n /etc/udhcpc.script' "modprobe -n -S $v raid1"; do
    # shellcheck disable=SC2086
    in_root $c >"$w/out" 2>&1 || fail "$c: $(cat "$w/out")"
done
in_root orthrus-imager --version >"$w/out" 2>&1 || ! grep -q 'shared libraries\|not found' "$w/out" || fail "orthrus-imager: $(cat "$w/out")"
# tpm2 finds what it reaches a TPM by: it asks for the device, which is not there.
! in_root tpm2 getcap handles-persistent -T device:/dev/no-tpm >"$w/out" 2>&1 || fail "there is such a TPM"
grep -q 'TCTI device file /dev/no-tpm' "$w/out" || fail "tpm2: $(cat "$w/out")"
in_root modprobe -S $v -R virtio:d00000001v00001AF4 2>/dev/null | grep -qx virtio_net || fail "the index knows no alias of virtio_net"

echo "--- the rescue system over it: what the first has is not there twice, and its programs start"
zstd -dqc "$w/one/payload/$key/rescue.img" | cpio -it --quiet >"$w/more" || fail "cpio can't read rescue.img"
[ "$(sort "$w/list" "$w/more" | uniq -d | tr '\n' ' ')" = "etc etc/mdadm etc/mdadm/mdadm.conf " ] || fail "twice: $(sort "$w/list" "$w/more" | uniq -d)"
zstd -dqc "$w/one/payload/$key/rescue.img" | (cd "$w/root" && cpio -iud --quiet)
for c in 'e2fsck -V' 'tune2fs -V' 'dumpe2fs -V' 'xfs_repair -V' 'fsck.fat --help' 'sfdisk --version' 'lsblk --version' 'fsck.ext4 -V' 'mdadm --version'; do
    # shellcheck disable=SC2086
    in_root $c >"$w/out" 2>&1 || ! grep -q 'shared libraries\|not found' "$w/out" || fail "$c: $(cat "$w/out")"
done
grep -q '^AUTO' "$w/root/etc/mdadm/mdadm.conf" && fail "the rescue system can't assemble an array"
# sshd takes its configuration with what the imager writes, and no other way in than a certificate
mknod -m 666 "$w/root/dev/null" c 1 3
in_root ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key || fail "ssh-keygen"
mkdir -p "$w/root/run/sshd" "$w/root/etc/ssh/sshd_config.d"
echo "TrustedUserCAKeys /etc/ssh/ssh_host_ed25519_key.pub" >"$w/root/etc/ssh/sshd_config.d/orthrus.conf"
in_root /usr/sbin/sshd -T >"$w/out" 2>&1 || fail "sshd: $(cat "$w/out")"
for line in 'passwordauthentication no' 'kbdinteractiveauthentication no' 'authorizedkeysfile none' 'allowusers root' 'usepam no' \
    'authenticationmethods publickey' 'trustedusercakeys /etc/ssh/ssh_host_ed25519_key.pub'; do
    grep -qix "$line" "$w/out" || fail "sshd does not have '$line': $(cat "$w/out")"
done

echo "--- what is missing is named"
mv "$w/tree/boot/vmlinuz-$v" "$w/tree/boot/vmlinuz-6.1.0-9-amd64" "$w"
! make_payload "$w/four" 2>"$w/out" || fail "an image without a kernel"
grep -q 'no kernel with modules' "$w/out" && grep -q 'linux-image-amd64' "$w/out" || fail "$(cat "$w/out")"
echo ok
