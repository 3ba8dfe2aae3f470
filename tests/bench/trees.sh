#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The trees that the store is measured with, made once and kept: prints the directory that holds them.
#   compute   a Debian compute node: boot, disks, network, scheduler, MPI, compilers
#   updated   the same after apt replaced its kernel by the next one
#   small     100000 files of 0 to 16 KiB, the same bytes on every machine
set -eu
TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
CACHE=${ORTHRUS_LAB_CACHE:-/var/cache/orthrus-lab}
BUILD=${BUILD:-$TOP/build}
. /etc/os-release
suite=${VERSION_CODENAME:?this system does not say its release}

# What imaging/build.c gives every node (another time daemon: slurm sites use chrony), and what a compute node has beyond that.
packages="systemd-sysv,udev,dbus,initramfs-tools,kmod,zstd,mdadm,dosfstools,e2fsprogs,xfsprogs,grub-pc-bin,grub2-common
grub-efi-amd64-bin,grub-efi-amd64-signed,shim-signed,efibootmgr,systemd-resolved,iproute2,openssh-server,curl,ca-certificates
chrony,munge,slurmd,slurm-client,openmpi-bin,rdma-core,ibverbs-providers,gcc,make,python3,environment-modules,nfs-common,rsync
rsyslog,logrotate,cron,sudo,vim-tiny,less,procps,psmisc,pciutils,ipmitool,lm-sensors,smartmontools,hwloc-nox,numactl
bash-completion,openssh-client,strace,lsof,ethtool,nftables"

# The kernel that the release installs by default and the one of the same series before it: what one upgrade changes.
kernels() {
    local newest series
    newest=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*-amd64\)$/\1/p' | head -n 1)
    series=$(sed -n 's/^linux-image-\([0-9]*\)\.\([0-9]*\)\..*/\1\\.\2\\./p' <<<"$newest")
    [ -n "$series" ] || return 0
    { apt-cache search --names-only "^linux-image-$series[0-9]+(\+deb[0-9]+)?(-[0-9]+)?-amd64\$" | sed 's/ .*//'; echo "$newest"; } |
        sort -uV | grep -B 1 -xF "$newest"
}
# A tree once made stays, though the mirror goes on: figures of two days are of the same bytes. RECIPE counts what changes below.
recipe=1
key=$( (echo "$recipe $suite $packages"; cat "$TOP/tests/bench/small_files.c") | sha256sum | cut -c1-24)
dir=$CACHE/bench-$key
if [ -e "$dir/done" ]; then echo "$dir"; exit 0; fi
[ "$(id -u)" = 0 ] || { echo "trees.sh: not root: the trees hold files of several owners" >&2; exit 1; }

mapfile -t pair < <(kernels)
if [ ${#pair[@]} != 2 ]; then
    echo "trees.sh: the mirrors of this machine's apt have no two kernels to upgrade between: ${pair[*]:-none}" >&2
    exit 1
fi
mkdir -p "$CACHE"
exec 9>"$CACHE/bench.lock"
flock 9 # two of us would each make them
if [ -e "$dir/done" ]; then echo "$dir"; exit 0; fi
for old in "$CACHE"/tmp-bench.*; do [ ! -e "$old" ] || rm -rf --one-file-system "$old"; done
tmp=$(mktemp -d "$CACHE/tmp-bench.XXXXXX")
trap 'rm -rf --one-file-system "$tmp"' EXIT
chmod 755 "$tmp"

# apt's own proxy setting does not reach mmdebstrap.
proxy=$(apt-config dump --format '%v%n' Acquire::http::Proxy | head -n 1)
case $proxy in ''|DIRECT) ;; *) export http_proxy=${http_proxy:-$proxy} ;; esac
mapfile -t sources < <(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v s="$suite" '$2 == "main" && ($1 == s || $1 == s "-updates" || $1 == s "-security") { print "deb " $3 " " $1 " main" }' | sort -u)
# A tree as it is copied out: without what one day left behind.
cat >"$tmp/copy" <<'SH'
#!/bin/sh
set -e
cp -a --one-file-system "$1" "$2"
cd "$2"
rm -rf var/lib/apt/lists/* var/cache/apt/* var/cache/debconf/*-old var/lib/dpkg/*-old var/log/apt var/log/dpkg.log etc/apt/apt.conf.d/99mmdebstrap \
    tmp/* run/* proc/* sys/* dev/*
find var/log -type f -delete
: >etc/machine-id
rm -f etc/ssh/ssh_host_* etc/resolv.conf etc/hostname
SH
cat >"$tmp/hook" <<SH
#!/bin/sh
set -e
"$tmp/copy" "\$1" "$tmp/compute"
export DEBIAN_FRONTEND=noninteractive
# From outside, as mmdebstrap itself does: what finds the mirror (proxies, names) is this machine's.
export APT_CONFIG="\$MMDEBSTRAP_APT_CONFIG"
apt-get -q -y -o DPkg::Chroot-Directory="\$1" --no-install-recommends install ${pair[1]}
apt-get -q -y -o DPkg::Chroot-Directory="\$1" purge ${pair[0]}
"$tmp/copy" "\$1" "$tmp/updated"
SH
chmod +x "$tmp/copy" "$tmp/hook"
echo "trees.sh: making the compute tree (${pair[0]}) and its upgrade (${pair[1]}), once: some minutes" >&2
9>&- unshare --mount --pid --fork --kill-child --mount-proc mmdebstrap --mode=root --format=directory --variant=minbase \
    --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/lib/modules/*/kernel/sound/*' --dpkgopt='path-exclude=/usr/lib/modules/*/kernel/sound/*' \
    --dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/media/*' --dpkgopt='path-exclude=/usr/lib/modules/*/kernel/drivers/media/*' \
    --include="$(tr '\n' ',' <<<"$packages" | sed 's/,$//'),${pair[0]}" --customize-hook="$tmp/hook" "$suite" "$tmp/work" "${sources[@]}" \
    >"$tmp/log" 2>&1 </dev/null || { tail -n 20 "$tmp/log" >&2; echo "trees.sh: mmdebstrap failed" >&2; exit 1; }
rm -rf --one-file-system "$tmp/work" "$tmp/copy" "$tmp/hook"
echo "trees.sh: making 100000 small files" >&2
"$BUILD/tests/bench/small_files" "$tmp/small" 100000
printf '%s\n' "${pair[@]}" >"$tmp/kernels"
touch "$tmp/done"
sync -f "$tmp"
mv -T "$tmp" "$dir"
trap - EXIT
echo "$dir"
