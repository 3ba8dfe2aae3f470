# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034,SC2015,SC2317,SC1091
# What `orthrus image capture` runs on the machine whose files it takes: read by bash from its standard input, never a file there.
# Before it come the lines of bash that imaging/capture_settings.c writes: $mode, $dir, and for mode read the arrays fs_* (what is
# taken, outermost first), $points, $excludes, $plain, $snapshots, $ask. Behind it, on the same input, come lines of the head: "beat", and where
# it is asked for names, "names BYTES" and these. When they stop the head is gone: what was made here is taken away again.
{
set -u
export LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
umask 077
exec 3<&0 </dev/null
lease=120 # seconds without a beat
work='' job='' watch='' lvs_made=() btrfs_made=()

note() { printf 'orthrus-note: %s\n' "$1" >&2; }
die() { # TEXT [NEXT STEP]
    printf 'orthrus-failed: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf 'orthrus-next: %s\n' "$2" >&2
    exit 3
}

# Whoever is told to stop waits in `wait`, which a signal ends; so nothing long runs in the foreground.
trap 'exit 4' HUP INT TERM PIPE
trap finish EXIT
finish() {
    local rc=$? lv path
    set +u # bash 4.3 and older call an empty array unset
    trap '' HUP INT TERM PIPE
    kill -TERM 0 # setsid(1) has put us into a process group of our own
    [ -z "$job$watch" ] || wait
    cd /
    [ -z "$work" ] || unmount
    for lv in "${lvs_made[@]}"; do drop_lv "$lv"; done
    for path in "${btrfs_made[@]}"; do drop_subvolume "$path"; done
    exit $rc
}
unmount() {
    local i
    for i in 1 2 3 4 5 6 7 8 9 10; do
        ! mountpoint -q "$work/tree" || umount -R "$work/tree" 2>/dev/null || { sleep 0.3; continue; }
        break
    done
    mountpoint -q "$work/tree" && umount -R -l "$work/tree"
    rm -f "$work/names" "$work/words"
    rmdir "$work/tree" "$work" 2>/dev/null
}
drop_lv() { # VG/LV
    local i
    for i in 1 2 3 4 5 6 7 8 9 10; do
        lvremove -q -y -f "$1" >/dev/null 2>&1 3<&- 9>&- && return 0
        sleep 0.5
    done
    note "the snapshot $1 could not be removed; the next capture of this machine tries again"
}
drop_subvolume() { btrfs subvolume delete "$1" >/dev/null 2>&1 || note "the snapshot $1 could not be removed; the next capture of this machine tries again"; }

have() { command -v "$1" >/dev/null 2>&1; }
# Run in the background and wait, so that a signal is heeded at once.
run() {
    "$@" &
    job=$!
    wait "$job"
    local rc=$?
    job=''
    return $rc
}

# --- facts
fact() { printf '%s=%s\0' "$1" "$2"; }
removable() { # MAJOR:MINOR: is it, or the disk it is on?
    local at
    for at in "/sys/dev/block/$1" "/sys/dev/block/$1/.."; do
        [ "$(cat "$at/removable" 2>/dev/null)" = 1 ] && return 0
    done
    return 1
}
facts_of_fs() { # TARGET(escaped) TYPE SOURCE ROOT(escaped) MAJOR:MINOR: one fact, in the words of proc(5)
    local at path used=0 is_removable=0 hold=-
    at=$(printf '%b.' "$1") at=${at%.}
    case $3 in
    /dev/*)
        used=$(df -B1 --output=used -- "$at" 2>/dev/null | tail -n 1 | tr -cd 0-9)
        removable "$5" && is_removable=1
        if [ "$2" = btrfs ]; then
            if [ "$(stat -c %i -- "$at" 2>/dev/null)" = 256 ] && have btrfs; then
                hold=btrfs
                while IFS= read -r path; do fact nested "$path in $at"; done < <(btrfs subvolume list -o "$at" 2>/dev/null |
                    sed -n 's/^ID .* path //p' | grep -v 'orthrus-capture-')
            fi
        elif have lvs; then
            hold=$(lvs --noheadings --nosuffix --units b --separator ' ' -o vg_name,lv_name,lv_size,vg_free,segtype "$3" 2>/dev/null 3<&- | head -n 1)
            # shellcheck disable=SC2086
            [ -z "$hold" ] || hold=$(echo lvm $hold) # the blanks around and between
        fi ;;
    esac
    fact fs "$1 $2 $3 $4 $is_removable ${used:-0} ${hold:--}"
}
leftovers() { # what captures that were cut off could not remove
    local target
    have lvs && lvs --noheadings --separator / -o vg_name,lv_name -S 'lv_name=~"^orthrus_capture_"' 2>/dev/null 3<&- | tr -d ' '
    findmnt -rn -t btrfs -o TARGET 2>/dev/null | while IFS= read -r target; do
        target=$(printf '%b.' "$target") target=${target%.}
        for path in "$target"/.orthrus-capture-*; do [ ! -d "$path" ] || printf '%s\n' "$path"; done
    done
}
probe() {
    local id parent device root target rest type source x
    x=$(cd -P -- "$dir" 2>&1 && pwd -P && echo .) || die "$dir: ${x##*: }" "name a directory that is there"
    x=${x%?.}
    fact dir "$x"
    fact uid "$(id -u)"
    fact host "$(uname -n)"
    if [ -e "$dir/etc/os-release" ]; then
        fact system 1
        fact suite "$(. "$dir/etc/os-release" 2>/dev/null; printf %s "${VERSION_CODENAME:-}")"
    fi
    tar --version 2>/dev/null | head -n 1 | grep -q 'GNU tar' && fact tar 1
    have find && fact find 1
    have lsattr && fact lsattr 1
    unshare --mount --propagation private true 2>/dev/null && fact mounting 1
    while read -r id parent device root target rest; do
        x=${rest#*- }
        read -r type source _ <<<"$x"
        facts_of_fs "$target" "$type" "$source" "$root" "$device"
    done </proc/self/mountinfo
    if [ "$(id -u)" = 0 ]; then
        while IFS= read -r x; do fact leftover "$x"; done < <(leftovers)
    fi
    have lsblk && fact lsblk "$(lsblk --json --bytes --output NAME,PATH,TYPE,SIZE,MODEL,SERIAL,WWN,ROTA,RM,TRAN,PTTYPE,PTUUID,PARTTYPE,PARTLABEL,PARTUUID,FSTYPE,LABEL,UUID,MOUNTPOINT,PHY-SEC,LOG-SEC 2>/dev/null)"
    have blkid && fact blkid "$(blkid -o export 2>/dev/null)"
    if have mdadm; then
        for x in /dev/md[0-9]* /dev/md/*; do [ ! -b "$x" ] || fact mdadm "$(mdadm --detail --export "$x" 2>/dev/null)"; done
    fi
}

# --- the tree, held still or not
hold_lvm() { # N: mount a snapshot of it
    local lv name size=() options=ro
    name=orthrus_capture_$(date +%s)_$1
    lv=${fs_lv[$1]%%/*}/$name
    [ "${fs_size[$1]}" = thin ] && size=(--setactivationskip n) || size=(--size "${fs_size[$1]}b")
    lvs_made+=("$lv")
    lvcreate -q -y --snapshot "${size[@]}" --name "$name" "${fs_lv[$1]}" >"$work/words" 2>&1 3<&- 9>&- ||
        die "lvcreate could not make a snapshot of ${fs_lv[$1]}: $(tail -n 1 "$work/words")" "--live takes the machine without a snapshot"
    [ "${fs_type[$1]}" = xfs ] && options=ro,nouuid
    mount -t "${fs_type[$1]}" -o "$options" "/dev/$lv" "$2" 2>"$work/words" 9>&- ||
        die "the snapshot of ${fs_lv[$1]} could not be mounted: $(tail -n 1 "$work/words")" "--live takes the machine without a snapshot"
}
hold_btrfs() {
    local path
    path=${fs_target[$1]%/}/.orthrus-capture-$(date +%s)
    btrfs_made+=("$path")
    btrfs subvolume snapshot -r "${fs_target[$1]}" "$path" >"$work/words" 2>&1 ||
        die "btrfs could not make a snapshot of ${fs_target[$1]}: $(tail -n 1 "$work/words")" "--live takes the machine without a snapshot"
    mount --bind "$path" "$2" && mount -o remount,bind,ro "$2" || die "the snapshot $path could not be mounted"
}
hold_none() { # only the places where something lives
    local point
    mount -t tmpfs -o mode=755 none "$1" || die "the tree could not be arranged"
    for point in "${points[@]}"; do
        case $work/tree$point in "$1"/*) mkdir -p "$work/tree$point" || die "the tree could not be arranged" ;; esac
    done
}
# All of it in one place, in our own mount namespace: nothing else is mounted there, and nothing stays when we are gone.
arrange() {
    local n at
    work=$(mktemp -d /run/orthrus-capture.XXXXXX) && mkdir "$work/tree" || die "no directory could be made in /run"
    if [ "$snapshots" = 1 ]; then
        exec 9>/run/orthrus-captures.lock
        flock -n 9 || die "another capture of this machine is under way" "wait until it has ended"
        while IFS= read -r at; do
            note "removing the snapshot $at, which a capture that was cut off left"
            case $at in /*) drop_subvolume "$at" ;; *) drop_lv "$at" ;; esac
        done < <(leftovers)
    fi
    for n in "${!fs_target[@]}"; do
        at=$work/tree
        [ "$n" = 0 ] || at=$work/tree${fs_target[n]#"${fs_target[0]%/}"}
        case ${fs_hold[n]} in
        lvm) hold_lvm "$n" "$at" ;;
        btrfs) hold_btrfs "$n" "$at" ;;
        none) hold_none "$at" ;;
        *) mount --bind "${fs_target[n]}" "$at" && mount -o remount,bind,ro "$at" || die "${fs_target[n]} could not be looked at" ;;
        esac
    done
    base=$work/tree${dir#"${fs_target[0]%/}"}
}

# A machine that lives: what goes while we look at it is no failure. All other words of find and tar are.
unexpected() {
    grep -vE ': (No such file or directory|file changed as we read it|File removed before we read it|File shrank by [0-9]+ bytes?; padding with zeros|socket ignored|file is on a different filesystem; not dumped)$|^(.*/)?tar: Exiting with failure status due to previous errors$' "$work/words" | tail -n 1
}
list() {
    exec find . "${same[@]}" -printf '%y %m %U %G %s %b %T@ %C@ %D %i %n %p\0' 2>"$work/words" 3<&- 9>&-
}
flags() {
    find . "${same[@]}" \( -type f -o -type d \) ! -path $'*\n*' -print0 2>/dev/null 3<&- 9>&- | xargs -0 -r lsattr -d -- 2>/dev/null |
        grep -aE '^[^ ]*[SiadAD][^ ]* '
    return 0
}
check() { # PROGRAM EXIT
    local words
    [ "$2" != 0 ] || return 0
    words=$(unexpected)
    [ -z "$words" ] || die "$words" "look at that file on the machine; --exclude leaves it out"
    [ -s "$work/words" ] || die "$1 ended with $2 and said nothing"
}
# The head says which names it wants, or nothing at all.
wanted() {
    local word bytes=''
    while :; do
        read -r -t $lease -u 3 word bytes || exit 4
        [ "$word" != names ] || break
    done
    [ "$bytes" != 0 ] || exit 0
    head -c "$bytes" <&3 >"$work/names"
    [ "$(stat -c %s "$work/names")" = "$bytes" ] || exit 4
}
watch() { # the head is gone when its lines stop
    while read -r -t $lease -u 3 _; do :; done
    kill -TERM $$
}
take() {
    local what=(--no-recursion --null --verbatim-files-from --files-from="$work/names") p args=()
    [ "$ask" = 1 ] || what=(--sort=name .)
    [ "$plain" != 1 ] || what=(--one-file-system "${what[@]}")
    for p in "${excludes[@]}"; do args+=(--exclude="./$p"); done
    exec tar --create --file=- --format=posix --xattrs '--xattrs-include=*' --numeric-owner --sparse --warning=no-file-ignored \
        --anchored --wildcards --wildcards-match-slash "${args[@]}" "${what[@]}" 2>"$work/words" 3<&- 9>&-
}
intact() { # a snapshot that ran full gives no more true answers
    local lv
    for lv in "${lvs_made[@]}"; do
        [ -z "$(lvs --noheadings -o lv_snapshot_invalid "$lv" 2>/dev/null 3<&- 9>&- | tr -d ' ')" ] ||
            die "the snapshot of the machine ran full while it was read" "make room in its volume group, or capture it when less is written"
    done
}
read_tree() {
    base=$dir same=()
    if [ "$plain" = 1 ]; then
        same=(-xdev)
        work=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-capture.XXXXXX") || die "no directory could be made in ${TMPDIR:-/tmp}"
        case $work in "$dir"/*) excludes+=("${work#"$dir/"}") same+=(! -path ".${work#"$dir"}*") ;; esac
    else
        arrange
    fi
    cd "$base" || die "$dir can't be entered"
    [ "$ask" = 1 ] || { watch & watch=$!; }
    printf 'time %s\n' "$(date +%s.%N)"
    run list
    check find $?
    printf '\0'
    ! have lsattr || run flags
    printf '\n'
    if [ "$ask" = 1 ]; then
        wanted
        watch &
        watch=$!
    fi
    run take
    check tar $?
    intact
}

case $mode in
probe) probe ;;
read) read_tree ;;
esac
cd /
exit 0
}
