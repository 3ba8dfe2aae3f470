# SPDX-License-Identifier: GPL-2.0-or-later
# What the long tests of the image store share (source it): trees with reproducible content, scratch places, what may lie in a store.
orthrus=$BUILD/orthrus
faultat=$BUILD/tests/lab/faultat

# noise BYTES SEED: the same bytes in every run, which no compressor makes smaller.
noise() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf '%032d' "$2")" -iv 00000000000000000000000000000000; }

# fast_place: a directory in memory when there is one with room for a gigabyte, else on disk.
fast_place() {
    local free
    if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ] && free=$(df --output=avail -k /dev/shm | tail -n 1) && [ "$free" -gt 1000000 ]; then
        mktemp -d -p /dev/shm orthrus-store.XXXXXX
    else
        mktemp -d
    fi
}

# strangers STORE: sets $left to what lies in a store and is none of what docs/image-format.md lists. It starts no program: it is called
# thousands of times.
strangers() {
    local f name
    left=""
    shopt -s nullglob dotglob
    for f in "$1"/*; do
        case ${f##*/} in lock|packs|images|sequence) ;; *) left+=" $f" ;; esac
    done
    for f in "$1"/packs/*; do
        [[ ${f##*/} =~ ^[0-9a-f]{64}\.(pack|idx)$ ]] && [ -e "${f%.*}.pack" ] || left+=" $f"
    done
    # A counter has a copy; what only looks like one has none.
    for f in "$1"/sequence/*; do
        name=${f##*/}
        [[ ${name%\~} =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] && [ -e "${f%\~}" ] && [ -e "${f%\~}~" ] || left+=" $f"
    done
    for f in "$1"/images/* "$1"/images/*/*; do
        [[ ${f##*/} =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] && [ -d "$f" ] || left+=" $f"
    done
    for f in "$1"/images/*/*/*; do
        case ${f##*/} in manifest.json|manifest.sig|tree.zst|chunks.bin|boot.json|layout.json) ;; *) left+=" $f" ;; esac
    done
    shopt -u nullglob dotglob
}

# trace_restore ROOT REF TARGET NOTES [update]: restores into the directory TARGET with a note of what is durable after each chunk, and
# prints what a power cut would harm, then a summary. There must be NOTES notes at least; two there are whenever two chunks are missing.
trace_restore() {
    local marked=0 rc=0
    mkdir -p "$3"
    setfattr -n user.test -v x "$3" 2>/dev/null && setfattr -x user.test "$3" && marked=1
    # LeakSanitizer cannot work below a tracer.
    ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" "$faultat" --trace --below "$3" --out "$3.trace" -- \
        "$BUILD/tests/lab/restore_small_steps" "$1/srv/orthrus/store" "$2" "$1/var/lib/orthrus/pki/sign.pub" "$3" 1 "${@:5}" || rc=$?
    [ $rc = 0 ] || { echo "the restore ends with $rc"; return 1; }
    awk -v MODE=tree -v TARGET="$3" -v NOTES="$4" -v MARKED=$marked -f "$TOP/tests/full/store-order.awk" "$3.trace"
}
