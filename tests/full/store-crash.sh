#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The image store when its machine fails: whoever builds, deletes or exports is killed at each system call that changes something, and
# each of them fails or falls short. Whatever happened, the store opens, each image in it is whole, old ones stay, the next build works
# and clears away what was left, and a failure is named. From the order of the calls it is read that a power cut would do no more harm.
# usage: store-crash.sh [SCENARIO...]     STORE_CRASH_STEP=N: every Nth point only
set -u
# shellcheck source=tests/full/store.bash
. "$TOP/tests/full/store.bash"
# LeakSanitizer cannot work below a tracer.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
unset ORTHRUS_ROOT
step=${STORE_CRASH_STEP:-1}
fast=$(fast_place) disk=$(mktemp -d)
fast=$(realpath "$fast") disk=$(realpath "$disk")
cleanup() {
    local jobs
    jobs=$(jobs -p)
    # shellcheck disable=SC2086
    [ -z "$jobs" ] || kill $jobs 2>/dev/null
    wait
    chattr -R -i "$fast" "$disk" 2>/dev/null
    rm -rf "$fast" "$disk"
}
trap cleanup EXIT
"$faultat" -- true >/dev/null 2>&1
[ $? != 77 ] || { echo "faultat knows the registers of x86_64 only"; exit 77; }

# --- what is stored: a small tree, one that shares it and has two packs more, one that shares it and has a little more
sources=$fast/sources
mkdir -p "$sources/small/etc" "$sources/large" "$sources/more"
noise 1500000 1 >"$sources/small/etc/one"
echo text >"$sources/small/etc/two"
ln "$sources/small/etc/two" "$sources/small/etc/two-again"
cp -a "$sources/small/." "$sources/large"
noise 38000000 2 >"$sources/large/bulk"
cp -a "$sources/small/." "$sources/more"
noise 1200000 3 >"$sources/more/new"
# --- what is exported: all kinds of entries, chunks with several files, a file with several chunks
tree=$sources/tree
mkdir -p "$tree/dir/sub" "$tree/empty"
noise 3000000 4 >"$tree/dir/large"
for i in 1 2 3; do noise $((i * 7001)) 1$i >"$tree/dir/sub/small$i"; done
noise 40000 20 | dd of="$tree/sparse" bs=4096 seek=100 status=none && truncate -s 900000 "$tree/sparse"
: >"$tree/nothing"
ln "$tree/dir/sub/small1" "$tree/dir/name2" && ln -s ../nowhere "$tree/dir/link" && mkfifo "$tree/dir/pipe"
[ "$(id -u)" != 0 ] || { mknod "$tree/dir/null" c 1 3 && chown 7:8 "$tree/dir/name2" "$tree/empty" && chown -h 5:5 "$tree/dir/link"; } || exit 1
chmod 4711 "$tree/dir/sub/small2" && chmod 500 "$tree/empty"
setfattr -n user.note -v value "$tree/dir/large" 2>/dev/null
setfattr -n trusted.note -v value "$tree/dir" 2>/dev/null
find "$tree" -depth -exec touch -h -d '2020-02-02 02:02:02.123456789 UTC' {} +
chattr +i "$tree/dir/sub/small3" 2>/dev/null

template=$fast/template
export ORTHRUS_ROOT=$template
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null 2>&1 || exit 1
"$orthrus" image build old --from "$sources/small" --quiet || exit 1
# Its number two is used up.
"$orthrus" image build old --from "$sources/more" --quiet && "$orthrus" image delete "$("$orthrus" image list --json | jq -r '.images[1].ref')" --yes --offline --quiet || exit 1
keep=$("$orthrus" image list --json | jq -r '.images[0].ref')
cp -a "$template" "$fast/with-more" && ORTHRUS_ROOT=$fast/with-more "$orthrus" image build old --from "$sources/more" --quiet || exit 1
# What four who were killed left: a directory of documents, a pack without a name and one without an index, a deletion.
cp -a "$fast/with-more" "$fast/with-rests"
(
    export ORTHRUS_ROOT=$fast/with-rests
    at() { # WORDS... -- COMMAND...: killed at the first call that the words choose
        "$faultat" --kill "$1" --only "$2" --below "$ORTHRUS_ROOT/srv/orthrus/store/$3" --out /dev/null -- "$orthrus" image "${@:4}" >/dev/null 2>&1
    }
    mkdir "$fast/other" && noise 900000 8 >"$fast/other/file"
    at 2 write packs build other --from "$fast/other"
    at 2 rename packs build other --from "$fast/other"
    at 1 unlink packs delete "$(ORTHRUS_ROOT=$fast/with-more "$orthrus" image list --json | jq -r '.images[1].ref')" --yes --offline
)
cp -a "$template" "$fast/with-tree" && ORTHRUS_ROOT=$fast/with-tree "$orthrus" image build tree --from "$tree" --quiet || exit 1
# A target that holds something else: what was changed, what is too much, what is missing.
cp -a "$tree" "$fast/older"
chattr -i "$fast/older/dir/sub/small3" 2>/dev/null
noise 1500000 4 >"$fast/older/dir/large" && noise 1500000 41 >>"$fast/older/dir/large"
rm "$fast/older/dir/link" "$fast/older/dir/name2" && mkdir "$fast/older/dir/link" "$fast/older/many" && echo x >"$fast/older/dir/link/x"
for i in 1 2 3; do echo $i >"$fast/older/many/$i"; done
chmod 600 "$fast/older/dir/sub/small2" && echo more >>"$fast/older/nothing"

# --- scenarios: which store they begin with, what runs, what must be there before and after
scenario() { # NAME: sets base, words, must
    must=$keep
    case $1 in
    first) base=empty must="" words=(image build old --from "$sources/small" --quiet) ;;
    build) base=template words=(image build old --from "$sources/large" --quiet) ;;
    rests) base=with-rests words=(image build old --from "$sources/more" --quiet) ;;
    delete) base=with-more words=(image delete "$(ORTHRUS_ROOT=$fast/with-more "$orthrus" image list --json | jq -r '.images[1].ref')" --yes --offline --quiet) ;;
    export) base=with-tree words=(image export tree @TARGET@ --format dir --quiet) ;;
    update) base=with-tree words=(image export tree @TARGET@ --format dir --update --yes --quiet) ;;
    *) echo "no scenario '$1'" >&2; exit 2 ;;
    esac
}

reset() { # SCENARIO: a worker's root, with keys as everywhere and the store of the scenario
    case $1 in export|update) chattr -R -i "$target" 2>/dev/null ;; esac
    rm -rf "$root/srv" "$target"
    [ "$1" != update ] || cp -a "$fast/older" "$target"
    [ "$base" = empty ] || cp -a "$fast/$base/srv" "$root/srv"
}
broken() { # TEXT
    echo "BROKEN $where: $*" | tee -a "$out.broken" >&2
    sed 's/^/    | /' "$here/err" | head -n 5 >&2
    point_broken=1
}

# list: sets refs, and numbers to "NAME NUMBER" of each.
list() {
    local line name
    refs=() numbers=" "
    "$orthrus" image list --json >"$here/list" 2>"$here/list.err" || return 1
    while IFS= read -r line; do
        case $line in
        *'"ref": "'*) line=${line#*: \"} refs+=("${line%%\"*}") ;;
        *'"name": "'*) name=${line#*: \"} name=${name%%\"*} ;;
        *'"sequence": '*) line=${line#*: } line=${line%,} && case $numbers in *" $name:$line "*) twice=$name:$line ;; *) numbers+="$name:$line " ;; esac ;;
        esac
    done <"$here/list"
}

# Each image there is must be whole; those that must be there are, and no number came twice.
check_images() { # WHEN
    local ref twice=""
    if ! list; then
        # Half of a store is none: the next build makes it whole.
        [ "$base" = empty ] && grep -q 'there is no image store' "$here/list" && return
        broken "$1: image list: $(cat "$here/list" "$here/list.err")"
        return
    fi
    [ ! -s "$here/list.err" ] || broken "$1: image list says $(cat "$here/list.err")"
    case " ${refs[*]} " in *" $must"*) ;; *) broken "$1: $must is gone" ;; esac
    [ -z "$twice" ] || broken "$1: a number came twice: $twice"
    case $base:$numbers in empty:*) ;; *" old:2 "*) broken "$1: the number of a deleted image came again" ;; esac
    for ref in "${refs[@]}"; do
        "$orthrus" image verify "$ref" --quiet >"$here/verify" 2>&1 || broken "$1: $ref: $(cat "$here/verify")"
    done
}

# The next build works, and clears away.
check_next() { # WORDS...
    local left
    "$orthrus" "$@" >"$here/next" 2>&1 || broken "the next build: $(cat "$here/next")"
    strangers "$store"
    [ -z "$left" ] || broken "the next build left $left"
    check_images "after the next build"
}
# Deleting all frees all.
check_delete() {
    local ref left
    for ref in "${refs[@]}"; do
        "$orthrus" image delete "$ref" --yes --offline --quiet >"$here/next" 2>&1 || broken "delete $ref: $(cat "$here/next")"
    done
    left=$(find "$store/packs" "$store/images" -mindepth 1 -printf '%P ')
    [ -z "$left" ] || broken "all images are deleted, but there is still $left"
}

# What failed is named, by its path, the path it was to get, or the directory of either, with the reason. Paths in a target are said as
# they are in the image.
check_message() { # REASON
    local call path path2 p
    IFS=$'\t' read -r _ _ call path path2 < <(grep -m 1 '^at' "$here/out")
    grep -qF "$1" "$here/err" || broken "$call of $path failed, '$1' is not said: $(cat "$here/err")"
    # Letting go of an image's lock is said by nobody; what failed after it was.
    case $path:$call in "$store"/images/*:flock) return ;; esac
    for p in "$path" "$path2" "$(sed -E 's/\.[A-Za-z0-9]{6}$//' <<<"$path")"; do
        [ -n "$p" ] || continue
        for p in "$p" "${p%/*}"; do
            case $p in "$target"/*) p="'${p#"$target"}" ;; esac
            ! grep -qF -e "$p" "$here/err" || return
        done
    done
    broken "$call of $path failed, which is not said: $(cat "$here/err")"
}

check_export() { # RC: what is there after a success is all; after a failure the same again completes it
    local diff again=()
    # When only the last mark of the root directory was missing, the tree is an ordinary one: then it takes an update.
    [ "$1" = 0 ] || [ ! -e "$target/dir/large" ] || [ -n "$(find "$target" -maxdepth 1 -name '.orthrus-restore*')" ] || again=(--update --yes)
    [ "$1" = 0 ] || "$orthrus" "${words[@]/@TARGET@/$target}" "${again[@]}" >"$here/next" 2>&1 || broken "the same again: $(cat "$here/next")"
    diff=$(rsync -aHAXSn --checksum --delete -i "$tree/" "$target/" 2>&1 | head -n 3)
    [ -z "$diff" ] || broken "the export differs:" "$diff"
    [ "$(cd "$target" && lsattr -d dir/sub/small3 2>&1)" = "$(cd "$tree" && lsattr -d dir/sub/small3 2>&1)" ] || broken "flags differ"
}

# One point: returns 1 when the run had fewer calls than that.
point() { # SCENARIO FAULT K
    local rc result n fault=("--$2" "$3") reason="" only=change
    where="$1 $2 $3"
    case $2 in
    EIO|ENOSPC) fault=(--fail "$3" "$2") ;;
    *-on) fault=(--fail "$3+" "${2%-on}") ;;
    read-EIO*) fault=(--fail "$3" EIO) only=read ;;
    short) only=write,pwrite64 ;;
    esac
    # A full disk lets files go, and takes what needs no room.
    case $2 in
    *EIO*) reason="Input/output error" ;;
    ENOSPC*) reason="No space left on device" only=change,-unlink,-unlinkat,-rmdir,-flock,-fchmod,-fchmodat,-fchownat,-utimensat ;;
    esac
    reset "$1"
    point_broken=0
    timeout -k 5 120 "$faultat" "${fault[@]}" --only $only --below "$root/srv" --below "$target" --out "$here/out" -- "$orthrus" "${words[@]/@TARGET@/$target}" >"$here/err" 2>&1
    rc=$?
    mapfile -t result <"$here/out"
    result=${result[-1]:-} n=${result#count=} n=${n% *}
    case $result in
    *hit=1) ;;
    *hit=0)
        [ $rc = 0 ] || broken "nothing was done to it, but exit $rc"
        [ "$2" = short ] && [ "$3" -le "$n" ] && return 0 # a single byte can't be shorter
        return 1
        ;;
    *) broken "no count: $(cat "$here/out")" ;;
    esac
    case $2:$rc in
    kill:137|short:0) ;;
    kill:*|short:*|*:124|*:137|*:139|*:134) broken "exit $rc" ;;
    *:0) tolerated "$2" "$3" "$n" ;;
    *) check_message "$reason" ;;
    esac
    [ "$base:$rc" != empty:0 ] || must=old/
    check_images "$2"
    case $1 in
    export|update) check_export $rc ;;
    *)
        if [ $rc = 0 ] || [ "$1" = delete ]; then check_next image build next --from "$sources/more" --quiet; else check_next "${words[@]}"; fi
        # The last build is like the others: a sample does for what comes after it.
        [ "$2" != kill ] && [ $(($3 % 4)) != 0 ] || check_delete
        ;;
    esac
    [ "$base" != empty ] || must=""
    echo "$where" >>"$out.points"
    [ $point_broken = 0 ] || echo "$where" >>"$out.bad"
    return 0
}

# A call failed, and the command succeeded: what could not be read was not needed, or there is a second of it; a file that could not be
# changed was made anew. What is there is checked as after any success. What could not be made durable is never passed over.
tolerated() { # FAULT K COUNT
    local call path path2
    [[ $1 != read-EIO* ]] || return
    IFS=$'\t' read -r _ _ call path path2 < <(grep -m 1 '^at' "$here/out")
    # Letting go of the lock is the last that is done: with the process it goes anyway.
    [ "$call:$2" != "flock:$3" ] || return
    # So is letting go of an image's: what could not be locked is an error, and never gets here.
    case $path:$call in "$store"/images/*:flock) return ;; esac
    case $path:$call in "$target"/*:fallocate|"$target"/*:ftruncate|"$target"/*:open*) return ;; esac
    broken "$call of $path ${path2:-} failed, but exit 0: $(cat "$here/err")"
}

worker() { # NUMBER PLACE SCENARIO:FAULT...
    local number=$1 k every missed item s f
    here=$2/worker$1
    root=$here/root store=$root/srv/orthrus/store target=$here/target out=$fast/result$1
    mkdir -p "$root"
    cp -a "$template/etc" "$template/var" "$root/" 2>/dev/null
    export ORTHRUS_ROOT=$root
    for item in "${@:3}"; do
        s=${item%%:*} f=${item#*:}
        scenario "$s"
        case $f in *-on|read-EIO) every=$((step * 3)) ;; *) every=$step ;; esac
        k=$((1 + number * every)) missed=0
        # With threads the number of calls varies a little: on until two in a row were not reached.
        while [ $missed -lt 2 ]; do
            if point "$s" "$f" $k; then missed=0; else missed=$((missed + 1)); fi
            k=$((k + workers * every))
        done
    done
}

# The order of the calls of a whole run.
check_order() { # SCENARIO
    local mode
    here=$fast/order root=$here/root store=$root/srv/orthrus/store target=$here/target where="$1 order" out=$fast/result-order
    mkdir -p "$root"
    cp -a "$template/etc" "$template/var" "$root/" 2>/dev/null
    scenario "$1"
    reset "$1"
    # The audit log is opened to be written on, and its name is there already.
    local logs=$root/var/log/orthrus
    [ "$base" != with-tree ] || [ -s "$logs/audit.log" ] || broken "there is no audit log yet"
    ORTHRUS_ROOT=$root "$faultat" --trace --below "$root" --below "$target" --out "$here/trace" -- "$orthrus" "${words[@]/@TARGET@/$target}" >"$here/err" 2>&1 || broken "exit $?"
    # The target of an export, with the note that is written at its beginning.
    if [ "$base" = with-tree ]; then mode=(-v MODE=tree -v TARGET="$target" -v NOTES=1 -v KNOWN="$logs"); else mode=(-v MODE=store); fi
    awk "${mode[@]}" -f "$TOP/tests/full/store-order.awk" "$here/trace" >"$here/order" ||
        { broken "a power cut"; cat "$here/order" >&2; echo "$where" >>"$out.bad"; }
    echo "order of $1: $(tail -n 1 "$here/order")"
    echo "$where" >>"$out.points"
    [ "$base" = with-tree ] || return 0
    check_notes "$1" "$here"
    [ "$(stat -f -c %T "$disk")" = tmpfs ] || check_notes "$1" "$disk/order"
}

# The order of the calls of a restore that notes every chunk, in memory and on a disk.
check_notes() { # SCENARIO PLACE
    local here=$2 target=$2/target update=()
    where="$1 notes"
    mkdir -p "$here"
    reset "$1"
    [ "$1" != update ] || update=(update)
    trace_restore "$root" tree "$target" 2 "${update[@]}" >"$here/order" 2>"$here/err" ||
        { broken "a power cut"; cat "$here/order" >&2; echo "$where" >>"$out.bad"; }
    echo "order of $1, all noted: $(tail -n 1 "$here/order")"
    echo "$where" >>"$out.points"
}

scenarios=("$@")
[ $# -gt 0 ] || scenarios=(first rests delete build export update)
items=()
for s in "${scenarios[@]}"; do
    check_order "$s"
    # What fails and goes on failing differs by what is cleared away then: every third does. So it is with reading.
    faults=(kill EIO ENOSPC short)
    case $s in first) ;; build) faults+=(EIO-on) ;; delete) faults+=(EIO-on read-EIO-all) ;; *) faults+=(EIO-on ENOSPC-on read-EIO) ;; esac
    for f in "${faults[@]}"; do items+=("$s:$f"); done
done
workers=2
began=$SECONDS
worker 0 "$fast" "${items[@]}" &
worker 1 "$fast" "${items[@]}" &
wait
# A sample on a real disk, where there is one.
if [ "$(stat -f -c %T "$disk")" != tmpfs ]; then
    step=$((step * 9))
    worker 2 "$disk" first:kill delete:kill rests:kill rests:EIO
fi
cat "$fast"/result*.points | sed 's/ [0-9]*$//' | sort | uniq -c
points=$(cat "$fast"/result*.points | wc -l) bad=$(cat "$fast"/result*.bad 2>/dev/null | wc -l)
echo "RESULT crash points=$points broken=$bad seconds=$((SECONDS - began))"
[ "$bad" = 0 ] && [ "$points" -gt 0 ] && ! [ -e "$fast"/result0.broken ]
