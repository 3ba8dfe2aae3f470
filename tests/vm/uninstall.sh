#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# A real Debian machine with a network card that nobody configured becomes a head, with apt and real packages, and is given back: every
# file (content, mode, owner), package with its mark, unit, user, rule of the firewall and setting is compared with before. Thrice:
#   whole     the programs lie there as `make install` puts them, so that `head install` has to bring every package that a head needs
#   killed    so, killed in the middle of dpkg and begun again
#   packages  the programs come as the Debian packages of `make deb`, to a machine whose administrator runs and has configured dnsmasq,
#             chrony and an NFS server; these go on as they are. When the packages are purged too, the machine is as it was with what these
#             depend on (which of that apt's autoremove leaves is Debian's rule), but for what stays (LEFT)
. "$(dirname "$0")/../lab/lab.sh"

for p in mmdebstrap mke2fs jq dpkg-deb dpkg-buildpackage; do command -v $p >/dev/null || lab_skip "needs the program $p"; done
SUITE=${ORTHRUS_LAB_SUITE:-bookworm}
# What a comparison leaves out: logs, apt's and dpkg's own files (packages are compared by name, version and mark), what changes by itself.
EXCEPTED="proc sys dev run tmp mnt var/log var/cache var/tmp var/lib/apt var/lib/dpkg var/lib/systemd/random-seed var/lib/systemd/timers var/lib/systemd/timesync repo"

guest_script() {
    cat <<'END'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
exec >/dev/console 2>&1
cd /mnt # in memory: what the test brings and writes
bad() { journalctl -b --no-pager -n 60 -u orthrusd -u orthrus-helper -u chrony; echo "UNINSTALL FAILED: $*"; sync; poweroff -f; sleep 60; }
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
    # Every setting that is no counter, nor a key that the kernel makes when it wants one. Those that came with a module of the kernel are looked at by compare().
    sysctl -a 2>/dev/null | grep -vE '^(kernel\.(random|ns_last_pid|tainted|pty\.nr)|fs\.(dentry-state|file-nr|inode-|quota\.|aio-nr|epoll)|net\.netfilter\.nf_conntrack_count|net\.ipv4\.tcp_fastopen_key)' |
        LC_ALL=C sort >"$1.sysctl"
    { nft list ruleset 2>/dev/null; ip -o address show | sed 's/valid_lft.*//; s/^[0-9]*: //' | grep -v fe80; ip -o link show eth1 | grep -o '[<,]UP[,>]'; } >"$1.net"
}
compare() { # WHICH BEFORE [BUT]
    local k n=0
    # A module stays in the kernel until the next start, with settings that were not there before.
    awk 'NR == FNR { was[$1]; next } $1 in was' "/mnt/$2.sysctl" /mnt/after.sysctl >/mnt/known.sysctl && mv /mnt/known.sysctl /mnt/after.sysctl
    for k in files packages units users net sysctl; do
        diff "/mnt/$2.$k" "/mnt/after.$k" | grep -vE "^[<>] (${3:-nothing else})" >"/mnt/diff.$k"
        grep -q '^[<>]' "/mnt/diff.$k" && { sed "s/^/DIFFERS $1 $k /" "/mnt/diff.$k" | grep '[<>]' | head -n 60; }
        n=$((n + $(grep -c '^[<>]' "/mnt/diff.$k")))
    done
    [ "$1" != purged ] || { copies >/mnt/copies; cat /mnt/copies; n=$((n + $(wc -l </mnt/copies))); }
    echo "UNINSTALL $1 differences=$n kept=$(grep -c '^kept' /mnt/un)"
}
# What stays until the next start when packages are purged: README.Debian. And userdel(8) keeps, as whoever changes them does, /etc/passwd and
# its like as they were before: these must differ from what is there now by nothing but the users of the packages, which copies() looks at.
LEFT='(net\.core\.[rw]mem_max = |[0-9a-f]{64}  \./etc/(passwd|group|shadow|gshadow)-$)'
copies() {
    local f
    for f in passwd group shadow gshadow; do
        grep -vE '^orthrus(-net|-guard)?:' "/etc/$f-" | diff - "/etc/$f" | grep '^[<>]' | cut -d: -f1 | sed "s/^/DIFFERS purged $f- /"
    done
}
systemctl is-system-running --wait >/dev/null
ip link show eth1 >/dev/null || bad "no eth1: $(ip -o link)"

# --- as `make install` puts it
tar -C / -xf programs.tar || bad "the programs can't be unpacked"
systemctl daemon-reload
orthrus site init --site /mnt/site.json --cluster c --interface eth1 --subnet 10.1.0.0/16 --head-name "$(hostname)" --ipv6 off --quiet || bad "site init"
picture before
orthrus head install --plan --site /mnt/site.json
orthrus head install --yes --site /mnt/site.json || bad "head install"
systemctl is-active orthrusd.service chrony.service || bad "what should run does not"
orthrus head status || bad "head status"
systemctl is-enabled ssh.service && bad "an sshd was switched on"
picture with
echo "UNINSTALL installed files=$(diff before.files with.files | grep -c '^>') packages=$(diff before.packages with.packages | grep -c '^> [a-z].* ii')"
leave() {
    orthrus head uninstall --yes >/mnt/un 2>&1 || { cat /mnt/un; bad "head uninstall, $1"; }
    grep '^kept' /mnt/un
    picture after
    compare "$1" before
}
leave whole

# Killed while dpkg unpacks and configures; dpkg itself is killed too.
orthrus head install --yes --quiet --site /mnt/site.json & pid=$!
lines=$(wc -l </var/log/dpkg.log)
until tail -n +$((lines + 1)) /var/log/dpkg.log | grep -q 'status half-configured'; do kill -0 $pid 2>/dev/null || bad "it ended before it was killed"; done
kill -KILL $pid; wait $pid 2>/dev/null
pkill -KILL -x dpkg
orthrus head install --yes --quiet --site /mnt/site.json || bad "it does not go on after a kill"
systemctl is-active orthrusd.service chrony.service || bad "what should run does not, after a kill"
leave killed
(cd / && tar -tf /mnt/programs.tar | tac | while IFS= read -r f; do if [ -d "$f" ] && [ ! -L "$f" ]; then rmdir "$f" 2>/dev/null; else rm -f "$f"; fi; done)
systemctl daemon-reload

# --- as Debian packages
export DEBIAN_FRONTEND=noninteractive
mkdir /etc/dnsmasq.d
printf 'listen-address=127.0.0.1\nbind-interfaces\naddress=/printer.office/192.0.2.7\n' >/etc/dnsmasq.d/office.conf
apt-get -q -y --no-install-recommends install dnsmasq chrony nfs-kernel-server || bad "what the administrator has can't be installed"
printf 'server 192.0.2.1 iburst\ndriftfile /var/lib/chrony/chrony.drift\n' >/etc/chrony/chrony.conf # which reads no conf.d
echo '/home 192.0.2.0/24(ro,no_subtree_check)' >/etc/exports
systemctl restart chrony.service nfs-server.service dnsmasq.service || bad "what the administrator has does not run"
needs=$(apt-get -s --no-install-recommends install /mnt/*.deb | sed -n 's/^Inst \([^ ]*\).*/\1/p' | grep -v '^orthrus')
[ -n "$needs" ] && apt-get -q -y --no-install-recommends install $needs && apt-mark auto $needs >/dev/null || bad "what the packages depend on can't be installed"
picture bare
apt-get -q -y --no-install-recommends install /mnt/*.deb || bad "the packages can't be installed"
picture before
orthrus head install --yes --quiet --site /mnt/site.json || bad "head install with the packages"
systemctl is-active orthrusd.service chrony.service dnsmasq.service nfs-server.service || bad "what should run does not, with the packages"
exportfs | grep -q /home || bad "an export is gone: $(exportfs)"
grep -q 'server 192.0.2.1' /etc/chrony/chrony.conf || bad "chrony.conf is not the administrator's: $(cat /etc/chrony/chrony.conf)"
chronyc -n sources | grep -q 192.0.2.1 || bad "chrony does not ask whom it was told to: $(chronyc -n sources)"
dpkg --verify orthrus orthrus-setup orthrus-imager || bad "files of the packages are not theirs any more"
leave packages
apt-get -q -y purge orthrus orthrus-setup orthrus-imager || bad "the packages can't be purged"
picture after
compare purged bare "$LEFT"
echo "UNINSTALL END"
sync
poweroff -f
END
}

debs() { # the packages of this source, as `make deb` has them; sets DEBS
    DEBS=$CACHE/packages-$(cd "$TOP" && git ls-files -z | grep -zv '^tests/' | xargs -0 sha256sum | sha256sum | cut -c1-24)
    [ ! -e "$DEBS/done" ] || return 0
    rm -rf "$CACHE"/packages-*
    "$TOP/tools/deb.sh" "$DEBS" >"$W/deb.log" 2>&1 || { tail -n 20 "$W/deb.log"; lab_fail "the packages can't be built"; }
    rm -f "$DEBS"/*-dbgsym_*
    touch "$DEBS/done"
}

in_tree() { # TREE COMMAND...: alone, but for this machine's network
    # shellcheck disable=SC2016
    unshare --mount --pid --uts --ipc --fork --kill-child bash -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' chroot "$1" \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "${@:2}"
}

# The machine's disk, kernel and initrd; sets VM. It has Debian, what the programs are linked with, and on its own disk an archive of all
# that will be installed, for the real apt. Neither programs nor test are in it: it need not be made anew when these change.
machine() {
    local key tmp mirror depends libs p
    depends=$(for p in "$DEBS"/*.deb; do dpkg-deb -f "$p" Depends Recommends; done | sed 's/^[A-Z][a-z]*://; s/([^)]*)//g; s/|[^,]*//g' | tr ', ' '\n\n' |
        grep -v '^orthrus' | grep . | LC_ALL=C sort -u)
    libs=$(grep '^lib' <<<"$depends" | paste -sd,)
    key=$( (echo "$SUITE $depends"; declare -f machine; cat "$TOP"/headinstall/probe_services.c) | sha256sum | cut -c1-24)
    VM=$CACHE/uninstall-$key
    [ ! -e "$VM/done" ] || return 0
    mkdir -p "$CACHE"
    rm -rf "$CACHE"/uninstall-*
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
    mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' | awk -v s="$SUITE" '$1 == s && $2 == "main" {print $3; exit}')
    [ -n "$mirror" ] || lab_fail "apt has no source with Debian's suite $SUITE"
    mmdebstrap --quiet --variant=important --skip=cleanup/apt/lists --include="linux-image-amd64,systemd-sysv,systemd-timesyncd,udev,dbus,ifupdown,iproute2,nftables,procps,$libs" \
        --aptopt='Acquire::Languages "none"' "$SUITE" "$tmp/tree" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $SUITE main" ||
        { rm -rf "$tmp"; lab_fail "no machine could be made"; }
    mkdir -p "$tmp/tree/repo/partial"
    cp /etc/resolv.conf "$tmp/tree/etc/resolv.conf"
    for p in $("$BUILD/orthrus" --root "$tmp/tree" head install --probe --json | jq -r '.missing_packages[].name') dnsmasq nfs-kernel-server $depends; do echo "$p"; done |
        sort -u >"$tmp/packages"
    fetch() { in_tree "$tmp/tree" apt-get -q -y -o Dir::Cache::archives=/repo -o APT::Sandbox::User=root --no-install-recommends --reinstall --download-only install "$@"; }
    # What chrony takes the place of comes back in the end.
    # shellcheck disable=SC2046
    { fetch $(cat "$tmp/packages") && fetch systemd-timesyncd; } >"$tmp/apt.log" 2>&1 ||
        { tail -n 5 "$tmp/apt.log"; rm -rf "$tmp"; lab_fail "the packages can't be fetched"; }
    rm -rf "$tmp/tree/repo/partial" "$tmp/tree/repo/lock" "$tmp/tree/etc/apt/sources.list" "$tmp/tree/etc/apt/sources.list.d"/* "$tmp/tree/var/lib/apt/lists"/* "$tmp/tree/etc/resolv.conf"
    (cd "$tmp/tree/repo" && for p in *.deb; do
        dpkg-deb -f "$p"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$p" "$(stat -c %s "$p")" "$(sha256sum <"$p" | cut -d' ' -f1)"
    done >Packages)
    echo 'deb [trusted=yes] file:/repo ./' >"$tmp/tree/etc/apt/sources.list"
    in_tree "$tmp/tree" apt-get -q update >/dev/null 2>&1 || lab_fail "the archive can't be used"
    printf '[Unit]\nAfter=getty.target network.target\n[Service]\nType=simple\nExecStart=/bin/bash -c "mount -t tmpfs tmpfs /mnt && tar -xf /dev/vdb -C /mnt && exec bash /mnt/test"\n[Install]\nWantedBy=multi-user.target\n' \
        >"$tmp/tree/etc/systemd/system/uninstall-test.service"
    ln -sf ../uninstall-test.service "$tmp/tree/etc/systemd/system/multi-user.target.wants/"
    echo head1 >"$tmp/tree/etc/hostname"
    # A package makes the initrd anew: without KVM that is long enough when it has only what this machine needs.
    printf 'MODULES=dep\nCOMPRESS=gzip\n' >"$tmp/tree/etc/initramfs-tools/conf.d/lab"
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

# What is brought to it, as a disk that is a tar file: the test, the packages, and these unpacked.
bring() {
    local p
    mkdir "$W/programs" "$W/bring"
    cp "$DEBS"/*.deb "$W/bring"
    for p in "$DEBS"/*.deb; do dpkg-deb -x "$p" "$W/programs"; done
    # Directories that Debian has keep the mode that they have there: only files, and directories of our own.
    (cd "$W/programs" && { find . ! -type d; find . -type d -path '*/orthrus*'; } | LC_ALL=C sort |
        tar -c --no-recursion --owner=0 --group=0 -T - -f "$W/bring/programs.tar")
    guest_script | sed "s|@EXCEPTED@|$EXCEPTED|" >"$W/bring/test"
    tar -C "$W/bring" -cf "$W/vm/bring.raw" .
    truncate -s %1M "$W/vm/bring.raw"
}

lab_begin
debs
lab_say "the packages are built"
machine
lab_say "the machine is made"
bring
qemu-img create -q -f qcow2 -b "$VM/disk.raw" -F raw "$W/vm/a.qcow2"
ip -n "$NS_SW" tuntap add dev tap1 mode tap
ip -n "$NS_SW" link set tap1 master br0 up
: >"$W/vm/1.serial"
ip netns exec "$NS_SW" qemu-system-x86_64 -machine q35,graphics=off -accel tcg,thread=multi -cpu max,-avx,-avx2,-bmi1,-bmi2 -smp 2 -m 1536 -nodefaults -display none -vga none \
    -no-reboot -serial "file:$W/vm/1.serial" -device virtio-rng-pci -kernel "$VM/vmlinuz" -initrd "$VM/initrd.img" \
    -append "console=ttyS0,115200 root=/dev/vda rw quiet net.ifnames=1" -drive "file=$W/vm/a.qcow2,if=virtio,cache=unsafe" \
    -drive "file=$W/vm/bring.raw,format=raw,if=virtio,readonly=on" \
    -netdev tap,id=net0,ifname=tap1,script=no,downscript=no -device "virtio-net-pci,netdev=net0,mac=$(lab_mac 1),romfile=" >"$W/vm/1.qemu" 2>&1 </dev/null &
echo $! >"$W/vm/1.pid"
lab_pids+=($!)
lab_wait 1 'UNINSTALL (END|FAILED)' 7200
tr -d '\r' <"$W/vm/1.serial" | sed -n '/UNINSTALL\|DIFFERS\|^kept/p'
grep -aq 'UNINSTALL END' "$W/vm/1.serial" || { tail -n 40 "$W/vm/1.serial"; lab_fail "the machine's own test failed"; }
of() { tr -d '\r' <"$W/vm/1.serial" | sed -n "s/^UNINSTALL $1 differences=\([0-9]*\).*/\1/p"; }
differences=0
for run in whole killed packages purged; do
    n=$(of $run)
    [ -n "$n" ] || lab_fail "nothing was compared: $run"
    differences=$((differences + n))
done
installed=$(tr -d '\r' <"$W/vm/1.serial" | sed -n 's/^UNINSTALL installed //p')
echo "RESULT uninstall differences=$differences whole=$(of whole) killed=$(of killed) packages=$(of packages) purged=$(of purged) installed_${installed/ / installed_} excepted=$(echo $EXCEPTED | tr ' ' ',')"
[ "$differences" = 0 ] || lab_fail "the machine is not as it was"
