#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# A real Debian machine with a network card that nobody configured becomes a head, with apt and real packages, and is given back: every
# file (content, mode, owner), package with its mark, unit, user, rule of the firewall and setting is compared with before. Then once more,
# killed in the middle of apt and begun again.
. "$(dirname "$0")/../lab/lab.sh"

for p in mmdebstrap mke2fs jq dpkg-deb; do command -v $p >/dev/null || lab_skip "needs the program $p"; done
SUITE=${ORTHRUS_LAB_SUITE:-bookworm}
# What a comparison leaves out: logs, apt's and dpkg's own files (packages are compared by name, version and mark), what changes by itself.
EXCEPTED="proc sys dev run tmp mnt var/log var/cache var/tmp var/lib/apt var/lib/dpkg var/lib/systemd/random-seed var/lib/systemd/timers var/lib/systemd/timesync repo srv/orthrus"

guest_script() {
    cat <<'END'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
exec >/dev/console 2>&1
bad() { echo "UNINSTALL FAILED: $*"; sync; poweroff -f; sleep 60; }
mount -t tmpfs tmpfs /mnt
# as it is: $1
picture() {
    local prune=() d
    for d in @EXCEPTED@; do prune+=(-o -path "./$d"); done
    (cd / && find . -xdev \( -false "${prune[@]}" \) -prune -o \
        \( -type f -printf '%p %m %U:%G\n' -exec sha256sum {} + -o -type l -printf '%p %U:%G %l\n' -o -printf '%p %m %U:%G %y\n' \) | LC_ALL=C sort) >"$1.files"
    { dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Abbrev}\n'; apt-mark showauto | sed 's/^/auto /'; apt-mark showmanual | sed 's/^/manual /'; } |
        LC_ALL=C sort >"$1.packages"
    { systemctl list-unit-files --no-legend | awk '{print $1, $2}'; systemctl list-units --no-legend --plain --state=running,listening --type=service,socket | awk '{print "runs", $1}'; } |
        grep -vE 'getty|systemd-hostnamed' | LC_ALL=C sort >"$1.units"
    { getent passwd; getent group; } >"$1.users"
    { nft list ruleset 2>/dev/null; sysctl net.core.rmem_max net.core.wmem_max; ip -o address show | sed 's/valid_lft.*//; s/^[0-9]*: //' | grep -v fe80; ip -o link show eth1 | grep -o '[<,]UP[,>]'; } >"$1.net"
}
compare() { # WHICH
    local k n=0
    for k in files packages units users net; do
        diff "/mnt/before.$k" "/mnt/after.$k" >"/mnt/diff.$k" || { sed "s/^/DIFFERS $1 $k /" "/mnt/diff.$k" | grep '[<>]' | head -n 60; }
        n=$((n + $(grep -c '^[<>]' "/mnt/diff.$k")))
    done
    echo "UNINSTALL $1 differences=$n kept=$(grep -c '^kept' /mnt/un)"
}
systemctl is-system-running --wait >/dev/null
ip link show eth1 >/dev/null || bad "no eth1: $(ip -o link)"
orthrus site init --site /mnt/site.json --cluster c --interface eth1 --subnet 10.1.0.0/16 --head-name "$(hostname)" --ipv6 off --quiet || bad "site init"
picture /mnt/before
orthrus head install --plan --site /mnt/site.json
orthrus head install --yes --site /mnt/site.json || bad "head install"
systemctl is-active orthrusd.service chrony.service || bad "what should run does not"
orthrus head status || bad "head status"
systemctl is-enabled ssh.service && bad "an sshd was switched on"
picture /mnt/with
echo "UNINSTALL installed files=$(diff /mnt/before.files /mnt/with.files | grep -c '^>') packages=$(diff /mnt/before.packages /mnt/with.packages | grep -c '^> [a-z].* ii')"
orthrus head uninstall --yes >/mnt/un 2>&1 || { cat /mnt/un; bad "head uninstall"; }
grep '^kept' /mnt/un
picture /mnt/after
compare whole
# Killed while dpkg unpacks and configures; dpkg itself is killed too.
orthrus head install --yes --quiet --site /mnt/site.json & pid=$!
lines=$(wc -l </var/log/dpkg.log)
until tail -n +$((lines + 1)) /var/log/dpkg.log | grep -q 'status half-configured'; do kill -0 $pid 2>/dev/null || bad "it ended before it was killed"; done
kill -KILL $pid; wait $pid 2>/dev/null
pkill -KILL -x dpkg
orthrus head install --yes --quiet --site /mnt/site.json || bad "it does not go on after a kill"
systemctl is-active orthrusd.service chrony.service || bad "what should run does not, after a kill"
orthrus head uninstall --yes >/mnt/un 2>&1 || { cat /mnt/un; bad "head uninstall after a kill"; }
grep '^kept' /mnt/un
picture /mnt/after
compare killed
echo "UNINSTALL END"
sync
poweroff -f
END
}

machine() { # the machine's disk, kernel and initrd; sets VM
    local key tmp mirror lib p
    key=$( (lab_cache_key "$SUITE"; guest_script; cat "$TOP"/headinstall/*.[ch] "$BUILD/orthrus" "$BUILD/orthrusd") | sha256sum | cut -c1-24)
    VM=$CACHE/uninstall-$key
    [ ! -e "$VM/done" ] || return 0
    mkdir -p "$CACHE"
    rm -rf "$CACHE"/uninstall-*
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
    mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' | awk -v s="$SUITE" '$1 == s && $2 == "main" {print $3; exit}')
    [ -n "$mirror" ] || lab_fail "apt has no source with Debian's suite $SUITE"
    mmdebstrap --quiet --variant=important --include=linux-image-amd64,systemd-sysv,systemd-timesyncd,udev,dbus,ifupdown,iproute2,nftables,procps \
        --aptopt='Acquire::Languages "none"' "$SUITE" "$tmp/tree" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $SUITE main" ||
        { rm -rf "$tmp"; lab_fail "no machine could be made"; }
    # The programs, as `make install` puts them, and the libraries that they need.
    make -s -C "$TOP" install DESTDIR="$tmp/tree" BUILD="$BUILD" >/dev/null || lab_fail "make install"
    for lib in $(ldd "$BUILD"/orthrus "$BUILD"/orthrusd "$BUILD"/orthrus-guard | awk '/=> \//{print $3}' | sort -u); do
        [ -e "$tmp/tree$lib" ] || [ -e "$tmp/tree/usr$lib" ] || cp -L "$lib" "$tmp/tree/usr/lib/x86_64-linux-gnu/"
    done
    chroot "$tmp/tree" ldconfig
    # An archive on its own disk of all that will be installed, by the real apt.
    mkdir -p "$tmp/tree/repo/partial"
    mount --bind /proc "$tmp/tree/proc"
    for p in $("$BUILD/orthrus" --root "$tmp/tree" head install --probe --json | jq -r '.missing_packages[].name') systemd-timesyncd; do echo "$p"; done >"$tmp/packages"
    # shellcheck disable=SC2046
    apt-get -q -y -o "RootDir=$tmp/tree" -o Dir::Bin::methods=/usr/lib/apt/methods -o "Dir::Cache::archives=/repo" -o APT::Sandbox::User=root \
        --no-install-recommends --reinstall --download-only install $(cat "$tmp/packages") >"$tmp/apt.log" 2>&1 ||
        { umount "$tmp/tree/proc"; tail -n 5 "$tmp/apt.log"; rm -rf "$tmp"; lab_fail "the packages can't be fetched"; }
    umount "$tmp/tree/proc"
    rm -rf "$tmp/tree/repo/partial" "$tmp/tree/repo/lock" "$tmp/tree/etc/apt/sources.list" "$tmp/tree/etc/apt/sources.list.d"/* "$tmp/tree/var/lib/apt/lists"/*
    (cd "$tmp/tree/repo" && for p in *.deb; do
        dpkg-deb -f "$p"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$p" "$(stat -c %s "$p")" "$(sha256sum <"$p" | cut -d' ' -f1)"
    done >Packages)
    echo 'deb [trusted=yes] file:/repo ./' >"$tmp/tree/etc/apt/sources.list"
    chroot "$tmp/tree" apt-get -q update >/dev/null 2>&1 || lab_fail "the archive can't be used"
    guest_script | sed "s|@EXCEPTED@|$EXCEPTED|" >"$tmp/tree/usr/local/sbin/uninstall-test"
    chmod 755 "$tmp/tree/usr/local/sbin/uninstall-test"
    printf '[Unit]\nAfter=getty.target network.target\n[Service]\nType=simple\nExecStart=/usr/local/sbin/uninstall-test\n[Install]\nWantedBy=multi-user.target\n' \
        >"$tmp/tree/etc/systemd/system/uninstall-test.service"
    ln -sf ../uninstall-test.service "$tmp/tree/etc/systemd/system/multi-user.target.wants/"
    echo head1 >"$tmp/tree/etc/hostname"
    : >"$tmp/tree/etc/machine-id"
    printf 'source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n' >"$tmp/tree/etc/network/interfaces"
    printf '/dev/vda / ext4 errors=remount-ro 0 1\n' >"$tmp/tree/etc/fstab"
    printf '[Match]\nMACAddress=%s\n[Link]\nName=eth1\n' "$(lab_mac 1)" >"$tmp/tree/etc/systemd/network/10-eth1.link"
    cp "$tmp"/tree/boot/vmlinuz-* "$tmp/vmlinuz" && cp "$tmp"/tree/boot/initrd.img-* "$tmp/initrd.img"
    truncate -s 4G "$tmp/disk.raw"
    mke2fs -q -t ext4 -d "$tmp/tree" "$tmp/disk.raw"
    rm -rf "$tmp/tree"
    touch "$tmp/done"
    mv -T "$tmp" "$VM" 2>/dev/null || rm -rf "$tmp"
}

lab_begin
machine
lab_say "the machine is made"
qemu-img create -q -f qcow2 -b "$VM/disk.raw" -F raw "$W/vm/a.qcow2"
ip -n "$NS_SW" tuntap add dev tap1 mode tap
ip -n "$NS_SW" link set tap1 master br0 up
: >"$W/vm/1.serial"
ip netns exec "$NS_SW" qemu-system-x86_64 -machine q35,graphics=off -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nodefaults -display none -vga none \
    -no-reboot -serial "file:$W/vm/1.serial" -device virtio-rng-pci -kernel "$VM/vmlinuz" -initrd "$VM/initrd.img" \
    -append "console=ttyS0,115200 root=/dev/vda rw quiet net.ifnames=1" -drive "file=$W/vm/a.qcow2,if=virtio" \
    -netdev tap,id=net0,ifname=tap1,script=no,downscript=no -device "virtio-net-pci,netdev=net0,mac=$(lab_mac 1),romfile=" >"$W/vm/1.qemu" 2>&1 </dev/null &
echo $! >"$W/vm/1.pid"
lab_pids+=($!)
lab_wait 1 'UNINSTALL (END|FAILED)' 2400
tr -d '\r' <"$W/vm/1.serial" | sed -n '/UNINSTALL\|DIFFERS\|^kept/p'
grep -aq 'UNINSTALL END' "$W/vm/1.serial" || { tail -n 40 "$W/vm/1.serial"; lab_fail "the machine's own test failed"; }
whole=$(tr -d '\r' <"$W/vm/1.serial" | sed -n 's/^UNINSTALL whole differences=\([0-9]*\).*/\1/p')
killed=$(tr -d '\r' <"$W/vm/1.serial" | sed -n 's/^UNINSTALL killed differences=\([0-9]*\).*/\1/p')
echo "RESULT uninstall differences=${whole:-none} after_a_kill=${killed:-none} excepted=$(echo $EXCEPTED | tr ' ' ',')"
[ "$whole" = 0 ] && [ "$killed" = 0 ] || lab_fail "the machine is not as it was"
