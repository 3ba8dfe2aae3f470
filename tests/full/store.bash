# SPDX-License-Identifier: GPL-2.0-or-later
# What the long tests of the image store share (source it): trees with reproducible content, scratch places, what may lie in a store.
orthrus=$BUILD/orthrus
faultat=$BUILD/tests/lab/faultat
# shellcheck disable=SC2034
hex64='[0-9a-f]\{64\}'

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

# strangers STORE: what lies in a store and is none of what docs/image-format.md lists.
strangers() {
    (cd "$1" && find . -mindepth 1 ! -type d -printf '%P\n' -o -name '.*' -printf '%P\n') |
        grep -v -e '^lock$' -e "^packs/$hex64\.\(pack\|idx\)\$" -e '^sequence/[^.~/][^~/]*~\?$' \
            -e '^images/[^./][^/]*/[^./][^/]*/\(manifest\.json\|manifest\.sig\|tree\.zst\|chunks\.bin\|boot\.json\|layout\.json\)$' ||
        true
    # A counter has a copy; what only looks like one has none.
    (cd "$1/sequence" && for f in *; do [ "$f" = '*' ] || [ -e "${f%\~}~" ] || echo "sequence/$f"; done)
}
