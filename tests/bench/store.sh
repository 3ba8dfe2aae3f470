#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The image store beside what else keeps file trees, in the same run: docs/bench.md says what is measured and why so.
# usage: BUILD=DIR tests/bench/store.sh [TREE ...]   (compute small)
#   BENCH_DIR     where repositories go, and the disk that trees are restored to: its file system is what is measured ($BUILD/bench)
#   BENCH_TREES   a directory that holds the trees, instead of those that trees.sh makes
#   BENCH_ROUNDS  how often each tool runs (5)
#   BENCH_TOOLS   which ("orthrus restic borg tar bsdtar fsarchiver")
set -euo pipefail
export LC_ALL=C # numbers with a point
TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD=${BUILD:-$TOP/build}
ORTHRUS=$BUILD/orthrus
rounds=${BENCH_ROUNDS:-5}
. "$TOP/tests/bench/tools.bash"
if [ -n "${BENCH_TOOLS:-}" ]; then read -ra tools <<<"$BENCH_TOOLS"; fi
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(compute small)
t0=$(date +%s)
say() { printf '[%4d s] %s\n' $(($(date +%s) - t0)) "$*"; }
fail() { echo "bench: $*" >&2; exit 1; }

for program in "$ORTHRUS" "$BUILD/tests/bench/limits"; do [ -x "$program" ] || fail "$program is not there: run \`make bench-store\`"; done
[ "$(id -u)" = 0 ] || fail "not root: the trees hold files of several owners"
trees=${BENCH_TREES:-$(BUILD=$BUILD "$TOP/tests/bench/trees.sh")}
mkdir -p "${BENCH_DIR:=$BUILD/bench}"
exec 8>"$BENCH_DIR/bench.lock"
flock -n 8 || fail "another run uses $BENCH_DIR: two at once would measure each other"
rm -rf --one-file-system "$BENCH_DIR"/run.* # of a run that was killed
W=$(mktemp -d "$BENCH_DIR/run.XXXXXX")
loop=
cleanup() {
    mountpoint -q "$W/fs" && umount "$W/fs"
    [ -z "$loop" ] || losetup -d "$loop"
    rm -rf --one-file-system "$W"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
figures=$W/figures # TREE TOOL OPERATION SECONDS_DURABLE SECONDS PEAK_KB CPU_SECONDS

# Trees are restored to a file system made anew each time, as on a node's disks or a new head's: ext4 passes over each inode that was
# in use some minutes ago, so where a tree was just removed every tool would be measured at that. A loop device on a file of BENCH_DIR,
# without a second page cache. In memory there is nothing of the kind, and a directory will do.
make_disk() { # TREE...
    local mib
    [ "$(stat -f -c %T "$W")" != tmpfs ] || return 0
    mib=$(cd "$trees" && for t in "$@"; do echo $((2 * $(du -sm --apparent-size "$t" | cut -f1) + $(find "$t" | wc -l) / 20 + 1024)); done | sort -n | tail -n 1)
    dd if=/dev/zero of="$W/disk" bs=1M count="$mib" oflag=direct status=none 2>/dev/null ||
        dd if=/dev/zero of="$W/disk" bs=1M count="$mib" conv=fsync status=none
    loop=$(losetup --show --find --direct-io=on "$W/disk" 2>/dev/null || losetup --show --find "$W/disk")
}
new_target() {
    if mountpoint -q "$W/fs"; then umount "$W/fs"; else rm -rf --one-file-system "$W/fs"; fi
    mkdir -p "$W/fs"
    if [ -n "$loop" ]; then
        mkfs.ext4 -q -F -i 8192 -E lazy_itable_init=0,lazy_journal_init=0 "$loop"
        mount "$loop" "$W/fs"
    fi
    mkdir "$W/fs/restored"
}

# timed TREE TOOL OPERATION DIR FUNCTION...: until the program ends, and until its result is on the disk (sync(2) of DIR's file
# system). What was written before is not ours to wait for.
timed() {
    local tree=$1 tool=$2 op=$3 at=$4 t
    shift 4
    export tree ORTHRUS TOP W cores
    sync -f "$at"
    t=$EPOCHREALTIME
    command time -q -o "$W/time" -f '%M %U %S' bash -o pipefail -c '. "$TOP/tests/bench/tools.bash"; "$@"' bash "$@" >"$W/log" 2>&1 ||
        { tail -n 20 "$W/log" >&2; fail "$tool: $op of $tree failed"; }
    t="$t $EPOCHREALTIME"
    sync -f "$at"
    t="$t $EPOCHREALTIME"
    echo "$t $(<"$W/time")" |
        awk -v w="$tree $tool $op" '{ printf "%s %.3f %.3f %d %.2f\n", w, $3 - $1, $2 - $1, $4, $5 + $6 }' >>"$figures"
}
bytes() { find "$1" -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%.0f\n", n }'; }
# Right before each measurement: a host may take back within half a minute what nobody touches, programs and their libraries too.
warm() { # TOOL FILE_OR_DIRECTORY...
    "$(program "$1")" --version >/dev/null 2>&1 || :
    find -H "${@:2}" -type f -exec cat {} + | wc -c >/dev/null
}

# How many entries of the restored tree are not as they were, content included.
differences() { # SOURCE RESTORED
    rsync -aHAXn --numeric-ids --checksum --delete -i "$1/" "$2/"
}
# Ours and the one beside it after every restore, the others once.
check() { # TREE TOOL ROUND
    local at=$W/fs/restored n
    case $2 in
    orthrus | bsdtar) ;;
    *) [ "$3" = 1 ] || return 0 ;;
    esac
    [ "$2" != fsarchiver ] || at=$at/$1
    differences "$trees/$1" "$at" >"$W/differences"
    n=$(wc -l <"$W/differences")
    echo "$1 $2 differs $n" >>"$figures"
    [ "$2" != orthrus ] || [ "$n" = 0 ] || fail "orthrus: $n entries of $1 are not restored as they were: $(head -n 5 "$W/differences")"
}

round() { # TREE NUMBER
    local tree=$1 n=$2 src=$trees/$1 i tool order=()
    for i in "${!tools[@]}"; do order+=("${tools[$(((i + n) % ${#tools[@]}))]}"); done
    for tool in "${order[@]}"; do
        rm -rf "${W:?}/$tool"
        mkdir "$W/$tool"
        "${tool}_prepare" "$W/$tool"
        warm "$tool" "$src"
        timed "$tree" "$tool" ingest "$W" "${tool}_ingest" "$W/$tool" "$src"
        echo "$tree $tool size $(bytes "$("${tool}_data" "$W/$tool")")" >>"$figures"
    done
    for tool in "${order[@]}"; do
        new_target
        warm "$tool" "$W/$tool"
        timed "$tree" "$tool" restore "$W/fs" "${tool}_restore" "$W/$tool" "$W/fs/restored"
        check "$tree" "$tool" "$n"
    done
}
second() { # what the upgraded tree adds to what is stored of the first
    local tool before after
    for tool in orthrus restic borg; do
        case " ${tools[*]} " in *" $tool "*) ;; *) continue ;; esac
        before=$(bytes "$("${tool}_data" "$W/$tool")")
        warm "$tool" "$trees/updated" "$W/$tool"
        timed updated "$tool" ingest "$W" "${tool}_ingest" "$W/$tool" "$trees/updated"
        after=$(bytes "$("${tool}_data" "$W/$tool")")
        echo "updated $tool delta $((after - before)) $before" >>"$figures"
    done
}

say "machine: $(nproc) cores, $(awk '/^model name/ { sub(/.*: /, ""); print; exit }' /proc/cpuinfo), load $(cut -d' ' -f1-3 /proc/loadavg)"
say "file system: $(df -h --output=fstype,source,avail "$W" | tail -n 1)"
make_disk "${names[@]}"
for tree in "${names[@]}"; do
    warm orthrus "$trees/$tree"
    new_target
    "$BUILD/tests/bench/limits" "$trees/$tree" "$W/fs" | sed "s/^/$tree limit /; s/=/ /" >>"$figures"
    say "$tree: limits measured"
    for n in $(seq "$rounds"); do
        round "$tree" "$n"
        say "$tree: round $n of $rounds, load $(cut -d' ' -f1 /proc/loadavg)"
    done
    [ "$tree" != compute ] || second
done
[ -z "${BENCH_KEEP:-}" ] || cp "$figures" "$BENCH_KEEP"
"$TOP/tests/bench/report.awk" "$figures"
