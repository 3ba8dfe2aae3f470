#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# `orthrus head install --store-raid` with real disks and a real mdadm, in a virtual machine whose Debian is tests/fakes/debian.sh: disks that
# hold something are refused; killed between array and file system it goes on to the same array; a second run finds nothing to do;
# uninstalled, the array is kept whole, or taken apart.
. "$(dirname "$0")/../lab/lab.sh"

payload=$BUILD/tests/lab/netboot_tool
for p in cpio apt-get dpkg-deb; do command -v $p >/dev/null || lab_skip "needs the program $p"; done
[ -x "$payload" ] || lab_skip "needs $payload: make tests"

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

guest_script() {
    cat <<'END'
#!/bin/bash
export PATH=/fakes:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
exec </dev/console >/dev/console 2>&1
echo 3 >/proc/sys/kernel/printk
modprobe -qab ext4 xfs ahci sd_mod virtio_blk virtio_pci virtio_net
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger --type=subsystems --action=add; udevadm trigger --type=devices --action=add; udevadm settle
find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u | xargs modprobe -qab 2>/dev/null
udevadm settle
stop() { echo "STORETEST $*"; sync; poweroff -f; sleep 60; }
bad() { cat /tmp/out /proc/mdstat; dmesg | tail -n 20; stop "FAILED: $*"; }
ok() { echo "STORETEST ok: $*"; }
says() { grep -qF -- "$1" /tmp/out || bad "'$1' is not said"; }
silent() { ! grep -qF -- "$1" /tmp/out || bad "'$1' is said"; }
install() { orthrus head install --site /root/site.json "$@" >/tmp/out 2>&1; }
# orthrusd is none of this test: the step that starts it fails, and all before it is done.
installed() { install --yes "$@"; says 'unit:orthrusd.service'; }
uninstall() { orthrus head uninstall --yes "$@" >/tmp/out 2>&1; }
mirror() { grep -q "^md[0-9]* : active raid1 .*\[1\].*\[0\]" /proc/mdstat || grep -q "^md[0-9]* : active raid1 .*\[0\].*\[1\]" /proc/mdstat; }
mounted() { grep -q "^/dev/[^ ]* /srv/orthrus $1 " /proc/mounts; }

printf 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n' >/etc/os-release
echo 12.8 >/etc/debian_version
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
mkdir -p /etc/network/interfaces.d /var/lib/dpkg/fake /root /srv /usr/lib/systemd/system /usr/sbin
printf 'source /etc/network/interfaces.d/*\n' >/etc/network/interfaces
printf 'root:x:0:0:root:/root:/bin/bash\n' >/etc/passwd
printf 'root:x:0:\n' >/etc/group; : >/etc/shadow; : >/etc/gshadow
echo '1.0-1 manual' >/var/lib/dpkg/fake/kmod
hostname head1
rm -f /usr/sbin/ifup; cp /fakes/ifup /usr/sbin/ifup
: >/usr/lib/systemd/system/orthrusd.service; : >/usr/lib/systemd/system/orthrus-helper.socket
printf '#!/bin/sh\nexit 1\n' >/fakes/orthrusd; chmod 755 /fakes/orthrusd
printf '#!/bin/sh\n[ ! -e /kill-mkfs ] || { rm /kill-mkfs; kill -KILL $PPID; sleep 5; exit 1; }\nexec /usr/sbin/mkfs.xfs "$@"\n' >/fakes/mkfs.xfs
chmod 755 /fakes/mkfs.xfs
nic=$(for n in /sys/class/net/*; do [ -e "$n/device" ] && echo "${n##*/}"; done | head -n 1)
[ -n "$nic" ] || bad "no network card"
orthrus site init --site /root/site.json --cluster c --interface "$nic" --subnet 10.77.0.0/16 --head-name "$(hostname)" --ipv6 off --quiet >/tmp/out 2>&1 || bad "site init"
raid=(--store-raid 1 --store-disk 'serial S1' --store-disk 'serial S2')

orthrus disk probe >/tmp/out 2>&1
says 'serial S3'
mkfs.ext4 -q -L photos /dev/disk/by-id/*_S2 2>/dev/null || mkfs.ext4 -q -L photos "$(lsblk -ndo PATH,SERIAL 2>/dev/null | awk '$2 == "S2" { print $1 }')" || bad "no disk S2"
udevadm settle
install --plan "${raid[@]}" && bad "a disk with a file system is taken"
says "holds something: ext4 'photos'"
says "--store-wipe 'serial S2'"
install --plan --store-raid 5 --store-disk 'serial S1' && bad "RAID 5 of one disk"
ok "refused"

raid+=(--store-wipe 'serial S2')
install --plan "${raid[@]}" || bad "plan"
says "(has ext4 'photos')"; silent 'serial S3'
uuid=$(sed -n 's/.*for \/srv\/orthrus.*UUID //p' /tmp/out)
: >/kill-mkfs
install --yes "${raid[@]}" && bad "it was not killed"
[ ! -e /kill-mkfs ] || bad "mkfs was not reached"
mirror || bad "there is no half made array"
install --plan "${raid[@]}" || bad "killed: plan"
says 'stop the array for images that was begun'
install --plan --store-raid 1 --store-disk 'serial S1' --store-disk 'serial S3' && bad "another array is made beside the one that was begun"
says 'begun here already'
installed # the words of the run that was killed are remembered, but for what may be wiped; and that is wiped by now
mirror && mounted xfs || bad "no mirror at /srv/orthrus"
[ "$(blkid -o value -s UUID "$(awk '$2 == "/srv/orthrus" { print $1 }' /proc/mounts)")" = "$uuid" ] || bad "another UUID than the plan said"
[ "$(cat /sys/block/md*/md/sync_action)" != frozen ] || bad "the resync is held back"
ok "killed and gone on"

echo an image >/srv/orthrus/image
install --plan || bad "a second plan"
silent 'wipe'; silent 'keep images on that array'
cat /etc/mdadm/mdadm.conf.d/orthrus.conf >/tmp/out; says "UUID=$(mdadm --detail --export /dev/md/orthrus | sed -n s/^MD_UUID=//p)"
ok "second run"

orthrus head uninstall --plan >/tmp/out 2>&1 || bad "plan of the uninstallation"
says 'keep it on its disks'
uninstall || bad "uninstall"
says 'kept the array of images (RAID 1 of serial S1 and serial S2, xfs)'
grep -q '^md' /proc/mdstat && bad "the array still runs"
mounted xfs && bad "still mounted"
for f in /etc/systemd/system/srv-orthrus.mount /etc/mdadm/mdadm.conf.d /srv/orthrus /var/lib/orthrus-install; do [ ! -e $f ] || { ls -lR $f >>/tmp/out; bad "$f is left"; }; done
mdadm --assemble --scan --config=partitions >/tmp/out 2>&1; udevadm settle
mount "UUID=$uuid" /mnt 2>>/tmp/out || mount "$(blkid -U "$uuid")" /mnt 2>>/tmp/out || bad "it can't be brought back"
[ "$(cat /mnt/image)" = "an image" ] || bad "the image is gone"
umount /mnt; mdadm --stop --scan >/dev/null 2>&1
ok "kept"

install --plan --store-raid 10 --store-disk 'serial S1' --store-disk 'serial S2' --store-disk 'serial S3' && bad "the kept array is taken without a word"
says "md member of array 'any:orthrus'"
installed --store-fs ext4 --store-raid 10 --store-disk 'serial S1' --store-disk 'serial S2' --store-disk 'serial S3' --store-wipe 'serial S1' --store-wipe 'serial S2'
mounted ext4 || bad "RAID 10 is not mounted"
uninstall --remove-data || bad "uninstall --remove-data"
silent 'kept the array'
grep -q '^md' /proc/mdstat && bad "the array still runs"
orthrus disk probe --json >/tmp/out
grep -q 'md member\|GPT\|ext4\|xfs' /tmp/out && bad "something is left on the disks"
ok "taken apart"
stop "all ok"
END
}
closure() { # PROGRAM..: it and its libraries, into the guest
    local p l
    for p in "$@"; do
        install -D "$p" "$W/x/fakes/${p##*/}"
        ldd "$p" | grep -o '/[^ ]*' | while read -r l; do [ -e "$W/x$l" ] || install -D "$(readlink -f "$l")" "$W/x/usr${l#/usr}"; done
    done
}

lab_begin
kernel_tree
mkdir -p "$W/anchors" "$W/x/fakes" "$W/x/mnt" "$W/vm"
for f in ca.crt sign.pub cluster-id; do echo test > "$W/anchors/$f"; done
key=$("$payload" payload "$TREE" "$BUILD/orthrus-imager" "$TOP/netboot/initramfs" "$W/anchors" "$W/tftp")
closure "$BUILD/orthrus" /bin/bash
install -D /bin/bash "$W/x/usr/bin/bash"
for f in apt-get apt-mark dpkg dpkg-query systemctl systemd-sysusers systemd-tmpfiles ifup ifdown nft networkctl; do cp "$TOP/tests/fakes/debian.sh" "$W/x/fakes/$f"; done
guest_script > "$W/x/store-init"
chmod 755 "$W/x/store-init"
(cd "$W/x" && find . | cpio -o -H newc --quiet) > "$W/initrd"
cat "$W/tftp/payload/$key/initrd.img" >> "$W/initrd"

blocks=()
for d in S1 S2 S3; do
    qemu-img create -q -f qcow2 "$W/vm/$d.qcow2" 2G
    blocks+=(-blockdev "driver=file,filename=$W/vm/$d.qcow2,node-name=f$d,cache.no-flush=on" -blockdev "driver=qcow2,file=f$d,node-name=$d,detect-zeroes=on")
done
: > "$W/vm/1.serial"
qemu-system-x86_64 -machine q35,graphics=off -accel tcg,thread=multi -cpu max -smp 1 -m 1536 -nodefaults -display none -vga none -no-reboot \
    -serial "file:$W/vm/1.serial" -kernel "$W/tftp/payload/$key/vmlinuz" -initrd "$W/initrd" \
    -append "console=ttyS0,115200 rdinit=/store-init quiet" "${blocks[@]}" \
    -device virtio-blk-pci,drive=S1,serial=S1 -device ide-hd,drive=S2,serial=S2 -device virtio-blk-pci,drive=S3,serial=S3 \
    -device virtio-net-pci,romfile= >"$W/vm/1.qemu" 2>&1 </dev/null &
echo $! > "$W/vm/1.pid"
lab_pids+=($!)
lab_wait 1 'STORETEST (all ok|FAILED)' 900
grep -a 'STORETEST' "$W/vm/1.serial" | tr -d '\r'
grep -aq 'STORETEST all ok' "$W/vm/1.serial" || { tr -d '\r' < "$W/vm/1.serial" | tail -n 80; lab_fail "see above"; }
lab_say "RESULT head_store cases=$(grep -ac 'STORETEST ok' "$W/vm/1.serial")"
