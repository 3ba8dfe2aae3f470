# SPDX-License-Identifier: GPL-2.0-or-later
# The lab: a switch and a head in network namespaces, bare machines in QEMU. Sourced by tests/vm/*.sh and demo.sh.
#
#   lab_begin            make the work directory and the network; all is removed at exit, also after a failure or Ctrl-C
#   lab_head_start       orthrusd in the head's namespace; `head_run CMD...` runs a command there, `orthrus ...` the program
#   lab_vm_new N FW SIZE make machine N (a number; node nNN) with firmware bios|uefi and two empty disks of SIZE
#   lab_vm_on N [a|b|ab [net|nonet]]    power on with these disks;  lab_vm_cut N: pull the plug
#   lab_wait N PATTERN SECONDS          until the serial console of N shows PATTERN (since power-on)
# Network: everything is inside namespaces made here; nothing reaches the machine's own interfaces.
set -eu

TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD=${BUILD:-$TOP/build}
CACHE=${ORTHRUS_LAB_CACHE:-/var/cache/orthrus-lab}
LAB_KEEP=${LAB_KEEP:-}          # LAB_KEEP=1 leaves the work directory for a look afterwards
lab_t0=$(date +%s)
lab_pids=()

lab_say() { printf '[%4d s] %s\n' $(($(date +%s) - lab_t0)) "$*"; }
lab_fail() { echo "FAILED: $*" >&2; exit 1; }
lab_skip() { echo "$*"; exit 77; }

lab_begin() {
    [ "$(id -u)" = 0 ] || lab_skip "needs root for namespaces and taps"
    command -v qemu-system-x86_64 >/dev/null || lab_skip "needs qemu-system-x86 (make deps)"
    W=$(mktemp -d /tmp/orthrus-lab.XXXXXX)
    chmod 755 "$W" # dnsmasq reads the TFTP tree as its own user
    NS_SW=osw$$ NS_HEAD=ohd$$
    trap lab_end EXIT
    trap 'exit 130' INT TERM
    ip netns add "$NS_SW"
    ip netns add "$NS_HEAD"
    ip -n "$NS_SW" link set lo up
    ip -n "$NS_SW" link add br0 type bridge forward_delay 0
    ip -n "$NS_SW" link set br0 up
    ip -n "$NS_HEAD" link set lo up
    ip -n "$NS_HEAD" link add eth0 type veth peer name head netns "$NS_SW"
    ip -n "$NS_SW" link set head master br0 up
    ip -n "$NS_HEAD" addr add 10.77.0.1/24 dev eth0
    ip -n "$NS_HEAD" link set eth0 up
    # The kernel of the host leaves checksums of packets on a veth to hardware; a guest behind a tap would see them wrong.
    head_run ethtool -K eth0 tx off >/dev/null 2>&1 || true
    mkdir -p "$W/head" "$W/vm"
}

lab_end() {
    local rc=$?
    trap - EXIT INT TERM
    for p in "${lab_pids[@]}"; do kill -KILL "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done
    lab_head_stop 2>/dev/null || true
    if [ $rc != 0 ] && [ $rc != 77 ]; then lab_report; fi
    ip netns del "$NS_SW" 2>/dev/null || true
    ip netns del "$NS_HEAD" 2>/dev/null || true
    if [ -n "$LAB_KEEP" ]; then echo "kept: $W"; else rm -rf "$W"; fi
    exit $rc
}

# What a person needs to see after a failure: the ends of the head's log and of each console.
lab_report() {
    local f
    echo "--- the head's last lines"; tail -n 40 "$W/head.log" 2>/dev/null || true
    for f in "$W"/vm/*.serial; do
        [ -e "$f" ] && { echo "--- $f"; tail -c 6000 "$f" | tr -d '\r' | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' | tail -n 40; }
    done
}

head_run() { ip netns exec "$NS_HEAD" "$@"; }
orthrus() { head_run "$BUILD/orthrus" --root "$W/head" "$@"; }

lab_head_start() {
    ip netns exec "$NS_HEAD" "$BUILD/orthrusd" --root "$W/head" --netboot-dir "$TOP/netboot/initramfs" --debug >>"$W/head.log" 2>&1 </dev/null &
    LAB_HEAD=$!
    local i
    for i in $(seq 300); do
        if orthrus head status >/dev/null 2>&1; then return 0; fi
        kill -0 "$LAB_HEAD" 2>/dev/null || lab_fail "orthrusd ended at its start: $(tail -n 3 "$W/head.log")"
        sleep 0.2
    done
    lab_fail "orthrusd did not answer within 60 s"
}
lab_head_stop() { [ -z "${LAB_HEAD:-}" ] || { kill "$LAB_HEAD" 2>/dev/null; wait "$LAB_HEAD" 2>/dev/null || true; LAB_HEAD=; }; }
lab_head_kill() { kill -KILL "$LAB_HEAD"; wait "$LAB_HEAD" 2>/dev/null || true; LAB_HEAD=; }

lab_mac() { printf '52:54:00:77:00:%02x' "$1"; }
lab_name() { printf 'n%02d' "$1"; }

lab_vm_new() { # N FIRMWARE SIZE
    local n=$1 d
    printf '%s\n' "$2" > "$W/vm/$n.firmware"
    for d in a b; do qemu-img create -q -f qcow2 "$W/vm/$n-$d.qcow2" "${3:-5G}"; done
    if [ "$2" = uefi ]; then cp /usr/share/OVMF/OVMF_VARS_4M.ms.fd "$W/vm/$n.vars"; fi
    ip -n "$NS_SW" tuntap add dev "tap$n" mode tap
    ip -n "$NS_SW" link set "tap$n" master br0 up
}

lab_vm_on() { # N [DISKS [net|netlast|nonet]] [extra qemu arguments]; net: the firmware tries it first, netlast: behind the disks
    local n=$1 disks=${2:-ab} net=${3:-net} d i=1 nic=0 args=()
    shift; [ $# -gt 0 ] && shift; [ $# -gt 0 ] && shift
    : > "$W/vm/$n.serial"
    # Translated code hashes more than twice as fast by plain instructions as by vector ones that are emulated.
    args=(-machine q35,smm=on,graphics=off -accel tcg,thread=multi -cpu max,-avx,-avx2,-bmi1,-bmi2 -smp 1 -m "${LAB_VM_MB:-2048}" -nodefaults -display none -vga none
        -chardev "socket,id=ser,path=$W/vm/$n.sock,server=on,wait=off,logfile=$W/vm/$n.serial,logappend=on" -serial chardev:ser
        -qmp "unix:$W/vm/$n.qmp,server=on,wait=off" -device virtio-rng-pci
        -smbios "type=1,manufacturer=Orthrus,product=Lab,serial=LAB$n")
    if [ "$(cat "$W/vm/$n.firmware")" = uefi ]; then
        args+=(-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.ms.fd
            -drive "if=pflash,format=raw,unit=1,file=$W/vm/$n.vars" -global driver=cfi.pflash01,property=secure,value=on)
    fi
    if [ "$net" = netlast ]; then nic=9; fi
    if [ "$net" != nonet ]; then
        args+=(-netdev "tap,id=net0,ifname=tap$n,script=no,downscript=no")
        if [ "$(cat "$W/vm/$n.firmware")" = uefi ]; then
            args+=(-device "virtio-net-pci,netdev=net0,mac=$(lab_mac "$n"),bootindex=$nic,romfile=")
        else
            args+=(-device "virtio-net-pci,netdev=net0,mac=$(lab_mac "$n"),bootindex=$nic")
        fi
    fi
    for d in a b; do
        case $disks in *$d*)
            args+=(-blockdev "driver=file,filename=$W/vm/$n-$d.qcow2,node-name=f$d,discard=unmap,cache.no-flush=on"
                -blockdev "driver=qcow2,file=f$d,node-name=q$d,discard=unmap,detect-zeroes=unmap")
            if [ -e "$W/vm/$n-$d.bad-sectors" ]; then
                args+=(-blockdev "driver=blkdebug,image=q$d,node-name=d$d$(awk '{ r = ",inject-error." NR - 1 "."; printf "%sevent=none%siotype=write%serrno=5%ssector=%s", r, r, r, r, $1 }' "$W/vm/$n-$d.bad-sectors")"
                    -device "virtio-blk-pci,drive=d$d,serial=LAB$n$d,bootindex=$i,werror=report")
            else
                args+=(-device "virtio-blk-pci,drive=q$d,serial=LAB$n$d,bootindex=$i")
            fi
            i=$((i + 1)) ;;
        esac
    done
    ip netns exec "$NS_SW" qemu-system-x86_64 "${args[@]}" "$@" >>"$W/vm/$n.qemu" 2>&1 </dev/null &
    echo $! > "$W/vm/$n.pid"
    lab_pids+=($!)
}

lab_vm_bad_sectors() { seq "$3" "$5" "$4" > "$W/vm/$1-$2.bad-sectors"; } # N DISK FIRST LAST STEP: writes to these fail from the next power-on
lab_vm_mend() { rm -f "$W/vm/$1-$2.bad-sectors"; }
lab_vm_cut() { local p; p=$(cat "$W/vm/$1.pid"); kill -KILL "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; }
lab_vm_alive() { kill -0 "$(cat "$W/vm/$1.pid")" 2>/dev/null; }

lab_wait() { # N PATTERN SECONDS; prints the matching line's time
    local n=$1 pattern=$2 left=$(($3 * 3))
    while ! grep -aqE "$pattern" "$W/vm/$n.serial"; do
        left=$((left - 1))
        [ $left -gt 0 ] || lab_fail "$(lab_name "$n"): no '$pattern' on its console within $3 s"
        lab_vm_alive "$n" || lab_fail "$(lab_name "$n"): QEMU ended: $(tail -n 2 "$W/vm/$n.qemu")"
        sleep 0.33
    done
}

# lab_until SECONDS WHAT CMD...: until CMD succeeds
lab_until() {
    local left=$(($1 * 2)) what=$2
    shift 2
    while ! "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || lab_fail "$what: did not happen in time"
        sleep 0.5
    done
}
node_state() { orthrus node list --json 2>/dev/null | jq -r --arg n "$1" '.nodes[] | select(.name==$n) | .state'; }
node_is() { case " $2 " in *" $(node_state "$1") "*) return 0 ;; *) return 1 ;; esac; }

# Images are slow to make: a lab cluster's keys and store are kept by the digest of all that makes them.
lab_cache_key() { # SUITE: by what decides the image's content and format
    (cd "$TOP" && cat imaging/build*.[ch] imaging/chunk*.[ch] imaging/tree.[ch] imaging/manifest.[ch] imaging/pack.[ch] imaging/codec.[ch]; echo "$1") |
        sha256sum | cut -c1-24
}
lab_image() { # NAME SUITE: build or take from the cache; sets LAB_IMAGE_CACHED
    local dir
    dir=$CACHE/$(lab_cache_key "$2")
    if [ -e "$dir/done" ]; then
        LAB_IMAGE_CACHED=1
        cp -a --reflink=auto "$dir/pki" "$W/head/var/lib/orthrus/" && mkdir -p "$W/head/srv/orthrus"
        cp -a --reflink=auto "$dir/store" "$W/head/srv/orthrus/"
        return 0
    fi
    LAB_IMAGE_CACHED=0
    "$BUILD/orthrus" --root "$W/head" image build "$1" --suite "$2" # outside the namespace: it needs the mirror
    mkdir -p "$CACHE"
    local tmp
    tmp=$(mktemp -d "$CACHE/tmp.XXXXXX")
    cp -a --reflink=auto "$W/head/var/lib/orthrus/pki" "$W/head/srv/orthrus/store" "$tmp/"
    touch "$tmp/done"
    mv -T "$tmp" "$dir" 2>/dev/null || rm -rf "$tmp"
}
