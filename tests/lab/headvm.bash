# SPDX-License-Identifier: GPL-2.0-or-later
# A fresh Debian machine that becomes a head, in QEMU: the packages of `make deb` installed by apt, and a serial line that somebody sits
# at. Sourced after lab.sh, and after tests/cli/tmux.bash with $work, fail and die.
#
#   headvm_make        the machine's disks, from the cache where they are; sets VM
#   headvm_on MIB      power on, on the switch; its system disk and its second one are copies on which it writes
#   headvm_terminal    its second serial line in a tmux pane of 80x24 (screen_keys, screen_text), with a login
#   headvm_run CMD     by root's shell on the third one, which nobody sees: what it printed; its exit code
#   headvm_shows SECONDS TEXT...   until one of the texts is on the terminal: prints which one
#
# The machine: Debian's important packages, a kernel, ifupdown, one network card that nobody has configured; apt has one archive, a
# directory, with what a head needs and Orthrus' own packages. The second disk is what is left of a head before this one: its image
# store (`orthrus head uninstall` keeps it), at /srv/orthrus by fstab; and the copy of /var/lib/orthrus/pki that the wizard tells to keep
# has been put back, so that nodes believe in the image. To build one in the machine itself takes an hour without KVM.

HEADVM_SUITE=${ORTHRUS_LAB_SUITE:-bookworm}
HEADVM_ROOT=root@head1:~#

headvm_digest() { cut -c1-24 < <(sha256sum); }

# Moved into its place when it is whole; those of before go.
headvm_keep() { # TEMPORARY PLACE
    touch "$1/done"
    rm -rf "${2%-*}"-*
    mv -T "$1" "$2"
}

headvm_debs() { # sets DEBS, the packages of these very files
    local tmp
    DEBS=$CACHE/debs-$(cd "$TOP" && git ls-files -z -- . ':!tests' | xargs -0 sha256sum | headvm_digest)
    [ ! -e "$DEBS/done" ] || return 0
    mkdir -p "$CACHE"
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
    "$TOP/tools/deb.sh" "$tmp" >"$W/deb.log" 2>&1 || { tail -n 20 "$W/deb.log"; rm -rf "$tmp"; lab_fail "make deb"; }
    rm -f "$tmp"/*-dbgsym_*.deb
    headvm_keep "$tmp" "$DEBS"
    lab_say "packages built"
}

# A process in it is alone: nothing of this machine is seen but its network.
headvm_in() { # TREE COMMAND...
    local tree=$1
    shift
    unshare --mount --pid --uts --ipc --fork --kill-child bash -c 'mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/run" && chroot "$@"' \
        chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

headvm_archive() { # DIRECTORY: of packages, as apt reads it
    (cd "$1" && for p in *.deb; do
        dpkg-deb -f "$p"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$p" "$(stat -c %s "$p")" "$(sha256sum <"$p" | cut -d' ' -f1)"
    done >Packages)
}

# Debian with an archive of all that Orthrus' packages and `head install` will want, so that the machine needs no network of ours.
headvm_base() { # sets BASE
    local tmp mirror wants
    # What `head install` looks for, and what the packages depend on.
    wants="$(sed -n 's/^\t{ "\([a-z0-9.+-]*\)", ".*/\1/p' "$TOP/headinstall/probe_services.c" | tr '\n' ' ')"
    [ -n "$wants" ] || lab_fail "headinstall/probe_services.c names no packages any more"
    BASE=$CACHE/headbase-$({ echo "$HEADVM_SUITE $wants"; declare -f headvm_base; for p in "$DEBS"/*.deb; do dpkg-deb -f "$p" Depends | tr -d ' '; done; } |
        sed 's/([^)]*)//g' | headvm_digest)
    [ ! -e "$BASE/done" ] || return 0
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
    mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' | awk -v s="$HEADVM_SUITE" '$1 == s && $2 == "main" {print $3; exit}')
    [ -n "$mirror" ] || lab_fail "apt has no source with Debian's suite $HEADVM_SUITE"
    mmdebstrap --quiet --variant=important --skip=cleanup/apt/lists --include=linux-image-amd64,systemd-sysv,systemd-timesyncd,udev,dbus,ifupdown,iproute2,procps \
        --aptopt='Acquire::Languages "none"' "$HEADVM_SUITE" "$tmp/tree" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $HEADVM_SUITE main" ||
        { rm -rf "$tmp"; lab_fail "no machine could be made"; }
    mkdir -p "$tmp/tree/repo/partial"
    cp "$DEBS"/*.deb "$tmp/tree/repo"
    cp /etc/resolv.conf "$tmp/tree/etc/resolv.conf"
    headvm_in "$tmp/tree" sh -c "apt-get -q -y -o Dir::Cache::archives=/repo -o APT::Sandbox::User=root --no-install-recommends --download-only install /repo/*.deb $wants" \
        >"$W/apt.log" 2>&1 || { tail -n 5 "$W/apt.log"; rm -rf "$tmp"; lab_fail "the packages can't be fetched"; }
    rm -rf "$tmp/tree/repo"/orthrus* "$tmp/tree/repo/partial" "$tmp/tree/repo/lock" "$tmp/tree/etc/apt/sources.list" "$tmp/tree/etc/apt/sources.list.d"/* \
        "$tmp/tree/var/lib/apt/lists"/* "$tmp/tree/etc/resolv.conf"
    tar -C "$tmp/tree" -cf "$tmp/tree.tar" . && rm -rf "$tmp/tree"
    headvm_keep "$tmp" "$BASE"
    lab_say "Debian $HEADVM_SUITE and an archive made"
}

# As an installer leaves it: who logs in, where; and that the third serial line is root's without a word.
headvm_settle() { # TREE
    local t=$1 tty
    echo head1 >"$t/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 head1\n' >"$t/etc/hosts"
    : >"$t/etc/machine-id"
    chroot "$t" passwd -q -d root
    echo "PS1='$HEADVM_ROOT '" >>"$t/root/.bashrc"
    printf 'source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n' >"$t/etc/network/interfaces"
    printf '/dev/vda / ext4 errors=remount-ro 0 1\nLABEL=images /srv/orthrus ext4 defaults 0 2\n' >"$t/etc/fstab"
    mkdir -p "$t/srv/orthrus" "$t/etc/systemd/system/getty.target.wants" "$t/etc/systemd/system/serial-getty@ttyS2.service.d"
    for tty in ttyS1 ttyS2; do ln -s /lib/systemd/system/serial-getty@.service "$t/etc/systemd/system/getty.target.wants/serial-getty@$tty.service"; done
    printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %%I dumb\n' \
        >"$t/etc/systemd/system/serial-getty@ttyS2.service.d/lab.conf"
}

# The second disk, and the keys beside it: a lab's image, of the cluster that this was before.
headvm_second() { # DIRECTORY
    local cached
    cached=$CACHE/$(lab_cache_key "$HEADVM_SUITE")
    [ -e "$cached/done" ] || { mkdir -p "$W/head" && lab_image compute "$HEADVM_SUITE"; }
    mkdir -p "$1/images/tmp"
    cp -a "$cached/store" "$1/images/"
    chown -R "$(chroot "$1/tree" id -u orthrus):$(chroot "$1/tree" id -g orthrus)" "$1/images/store"
    cp -a "$cached/pki" "$1/tree/var/lib/orthrus/"
    chroot "$1/tree" chown -R orthrus:orthrus /var/lib/orthrus
    truncate -s 6G "$1/second.raw"
    mke2fs -q -t ext4 -L images -d "$1/images" "$1/second.raw"
    rm -rf "$1/images"
}

headvm_make() {
    local tmp
    headvm_debs
    headvm_base
    VM=$CACHE/headvm-$({ cd "$DEBS" && sha256sum ./*.deb; echo "$BASE"; lab_cache_key "$HEADVM_SUITE"; declare -f headvm_make headvm_settle headvm_second; } | headvm_digest)
    [ ! -e "$VM/done" ] || return 0
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
    mkdir "$tmp/tree"
    tar -C "$tmp/tree" -xpf "$BASE/tree.tar"
    cp "$DEBS"/*.deb "$tmp/tree/repo"
    headvm_archive "$tmp/tree/repo"
    echo 'deb [trusted=yes] file:/repo ./' >"$tmp/tree/etc/apt/sources.list"
    printf '#!/bin/sh\nexit 101\n' >"$tmp/tree/usr/sbin/policy-rc.d" && chmod 755 "$tmp/tree/usr/sbin/policy-rc.d"
    headvm_in "$tmp/tree" sh -c 'apt-get -q update && apt-get -q -y --no-install-recommends install orthrus orthrus-setup' >"$W/apt.log" 2>&1 ||
        { tail -n 20 "$W/apt.log"; rm -rf "$tmp"; lab_fail "apt can't install Orthrus' packages"; }
    rm -f "$tmp/tree/usr/sbin/policy-rc.d"
    headvm_settle "$tmp/tree"
    headvm_second "$tmp"
    cp "$tmp"/tree/boot/vmlinuz-* "$tmp/vmlinuz" && cp "$tmp"/tree/boot/initrd.img-* "$tmp/initrd.img"
    truncate -s 6G "$tmp/disk.raw"
    mke2fs -q -t ext4 -d "$tmp/tree" "$tmp/disk.raw"
    rm -rf "$tmp/tree"
    headvm_keep "$tmp" "$VM"
    lab_say "Orthrus' packages installed by apt in a fresh Debian, with $(stat -c %n "$DEBS"/*.deb | wc -l) packages of ours"
}

headvm_on() { # MIB
    local args=()
    qemu-img create -q -f qcow2 -b "$VM/disk.raw" -F raw "$W/vm/head-a.qcow2"
    qemu-img create -q -f qcow2 -b "$VM/second.raw" -F raw "$W/vm/head-b.qcow2"
    ip -n "$NS_SW" tuntap add dev taph mode tap
    ip -n "$NS_SW" link set taph master br0 up
    : >"$W/vm/head.serial"
    : >"$W/vm/head.line1"
    : >"$W/vm/head.line2"
    args+=(-chardev "socket,id=line1,path=$W/vm/head.sock1,server=on,wait=off,logfile=$W/vm/head.line1,logappend=on" -serial chardev:line1)
    args+=(-chardev "socket,id=line2,path=$W/vm/head.sock2,server=on,wait=off" -serial chardev:line2)
    ip netns exec "$NS_SW" qemu-system-x86_64 -machine q35,graphics=off -accel tcg,thread=multi -cpu max,-avx,-avx2,-bmi1,-bmi2 -smp 2 -m "$1" \
        -nodefaults -display none -vga none -no-reboot -serial "file:$W/vm/head.serial" "${args[@]}" -device virtio-rng-pci \
        -kernel "$VM/vmlinuz" -initrd "$VM/initrd.img" -append "console=ttyS0,115200 root=/dev/vda rw quiet" \
        -blockdev "driver=file,filename=$W/vm/head-a.qcow2,node-name=fa,cache.no-flush=on" -blockdev driver=qcow2,file=fa,node-name=qa \
        -device virtio-blk-pci,drive=qa,serial=HEADA \
        -blockdev "driver=file,filename=$W/vm/head-b.qcow2,node-name=fb,cache.no-flush=on" -blockdev driver=qcow2,file=fb,node-name=qb \
        -device virtio-blk-pci,drive=qb,serial=HEADB \
        -netdev tap,id=net0,ifname=taph,script=no,downscript=no -device "virtio-net-pci,netdev=net0,mac=$(lab_mac 100),romfile=" \
        >"$W/vm/head.qemu" 2>&1 </dev/null &
    HEADVM_PID=$!
        lab_pids+=($!)
    until [ -S "$W/vm/head.sock2" ]; do headvm_alive; sleep 0.1; done
    # QEMU forgets what the guest has not taken yet when whoever wrote it goes: one stays until the end.
    mkfifo "$W/vm/head.keys"
    exec {HEADVM_KEYS}<>"$W/vm/head.keys"
    socat - "UNIX-CONNECT:$W/vm/head.sock2" <"$W/vm/head.keys" >"$W/vm/head.line2" &
    lab_pids+=($!)
}
headvm_alive() { kill -0 "$HEADVM_PID" 2>/dev/null || lab_fail "the head's QEMU ended: $(tail -n 2 "$W/vm/head.qemu")"; }

headvm_shows() { # SECONDS TEXT...
    local end=$(($(date +%s) + $1)) text
    shift
    while :; do
        for text in "$@"; do
            screen_text 2>/dev/null | grep -qF -- "$text" && { echo "$text"; return 0; }
        done
        headvm_alive
        [ "$(date +%s)" -lt "$end" ] || lab_fail "the head's terminal does not show '$1': $(screen_text)"
        sleep 0.3
    done
}

headvm_terminal() { # in tmux, with root's shell
    # The line says nothing before somebody is there; a getty that has said it does not say it again.
    screen_open 80x24 xterm utf8 socat -,raw,echo=0 "UNIX-CONNECT:$W/vm/head.sock1"
    headvm_until 900 1 'login:'
    screen_keys Enter
    headvm_shows 300 'head1 login:' >/dev/null
    screen_type root
    screen_keys Enter
    headvm_shows 300 "$HEADVM_ROOT" >/dev/null
}

headvm_until() { # SECONDS LINE PATTERN: until the line has shown it
    local end=$(($(date +%s) + $1))
    until grep -aqE -- "$3" "$W/vm/head.line$2"; do
        headvm_alive
        [ "$(date +%s)" -lt "$end" ] || lab_fail "no '$3' on the head's line $2: $(tail -c 2000 "$W/vm/head.line$2")"
        sleep 0.3
    done
}

headvm_run() { # COMMAND [SECONDS]
    local n from
    HEADVM_RUNS=$((${HEADVM_RUNS:-0} + 1))
    n=$HEADVM_RUNS.$RANDOM
    headvm_until 900 2 'root@head1'
    from=$(stat -c %s "$W/vm/head.line2")
    # Half of the mark is put in by the shell: the line's echo of what is typed has it not.
    printf '%s\n' "{ $1; } 2>&1; echo \"<<\$?\"\"$n>>\"" >&"$HEADVM_KEYS"
    headvm_until "${2:-300}" 2 "<<[0-9]+$n>>"
    tail -c +$((from + 1)) "$W/vm/head.line2" | tr -d '\r' | sed "1d; /<<[0-9]*$n>>/,\$d"
    return "$(tail -c +$((from + 1)) "$W/vm/head.line2" | grep -aoE "<<[0-9]+$n>>" | sed "s/<<//; s/$n>>//" | head -n 1)"
}
