#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What outlives a power cut: no kill shows it, so the system calls do, in their order. Files get their names only when their bytes are
# on the disk, and the names are made durable after; the mark of what was acknowledged is on the disk each time it is written.
set -u
. "$TOP/tests/cli/daemon.bash"
strace -o /dev/null true 2>/dev/null || { echo "strace does not work here"; exit 77; }
# LeakSanitizer cannot work below strace, which is a tracer itself.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"

# Each "rename(A, B)" of a temporary file follows an fsync of A and is followed by one of the directory, before anything else is named.
# The last file of an image is named by the rename of its directory, whose parent is synced.
make_site
mkdir -p "$work/tree" && head -c 100000 /dev/urandom >"$work/tree/file"
strace -f -y -qq -o "$work/trace" -e trace=write,fsync,rename "$orthrus" image build compute --from "$work/tree" --quiet || die "image build"
awk '
    function path_of(line) { match(line, /<[^>]*>/); return substr(line, RSTART + 1, RLENGTH - 2) }
    function dir_of(p) { sub(/\/[^\/]*$/, "", p); return p }
    # A call that another thread came between is two lines; it counts where it ends.
    { pid = $1; sub(/^[0-9]+ +/, "") }
    / <unfinished \.\.\.>$/ { begun[pid] = substr($0, 1, length($0) - length(" <unfinished ...>")); next }
    match($0, /^<\.\.\. [a-z0-9]+ resumed>/) { $0 = begun[pid] substr($0, RLENGTH + 1) }
    /^write\(/ { delete synced[path_of($0)] }
    /^fsync\(.*= 0$/ { p = path_of($0); synced[p] = 1; if (p == owed) owed = "" }
    /^rename\(.*\/store\/.*= 0$/ {
        split($0, part, "\"")
        if (owed != "") { print "named, but " owed " is not durable before the next: " $0; bad = 1 }
        if (part[2] !~ /\.new$/) { files++; if (!synced[part[2]]) { print "not on the disk before it was named: " $0; bad = 1 } }
        synced[part[4]] = synced[part[2]] # the bytes are what they were
        owed = dir_of(part[4])
    }
    END {
        if (owed != "") { print owed " is not durable at the end"; bad = 1 }
        if (files < 9) { print "only " files + 0 " files were named"; bad = 1 }
        exit bad
    }' "$work/trace" || { fail "image build does not outlive a power cut"; tail -n 30 "$work/trace" >&2; }

# The mark: each write of it is flushed before anything else is done with it. One thread writes it, so the calls alternate.
start_daemon strace -D -f -y -s 24 -qq -o "$work/marks" -e trace=pwrite64,fdatasync
"$orthrus" site apply --yes >/dev/null || fail "site apply"
for i in 1 2 3; do "$orthrus" node add n0$i --mac 52:54:00:00:00:0$i --group compute >/dev/null || fail "node add n0$i"; done
"$orthrus" node remove n03 --yes >/dev/null || fail "node remove"
stop_daemon TERM
awk '
    / pwrite64\(.*\/raft\/mark>/ { if (dirty) { print "the mark is written again before it is flushed: " $0; bad = 1 } dirty = 1; n++ }
    / fdatasync\(.*\/raft\/mark>.*= 0$/ { dirty = 0 }
    / fdatasync\(.*\/raft\/mark> <unfinished/ { waits[$1] = 1 }
    / <... fdatasync resumed>.*= 0$/ { if (waits[$1]) { dirty = 0; delete waits[$1] } }
    END {
        if (dirty) { print "the mark is not flushed at the end"; bad = 1 }
        if (n < 5) { print "the mark was written " n + 0 " times only"; bad = 1 }
        exit bad
    }' "$work/marks" || fail "an answered change does not outlive a power cut"
[ "$failed" = 0 ] && echo ok
exit $failed
