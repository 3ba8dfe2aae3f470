# SPDX-License-Identifier: GPL-2.0-or-later
# What outlives a power cut, read from the trace of faultat --trace: nothing is kept but what was made durable in time.
#   a file is on the disk before it gets its final name
#   an image gets its name when all that it needs is on the disk: its documents, the packs and their names, the counter, the store itself
#   an image that was taken out is away for good before its packs go, and the packs are away before the mark of the deletion goes
#   at the end nothing is owed: MODE "store" names of images, MODE "tree" everything
#   with TARGET, the directory of an export: a note of what is durable there (the restore's journal) gets its name when a flush of the
#   target began after all that its writer wrote before, and after the note before it had its name; the first one, after all there is.
#   The last note, and then the mark on the root, go when all else is on the disk. NOTES: as many there must be at least; MARKED: this file system
#   has attributes, so that the mark is set before the last note goes
# The clock is the line: what ended before a flush began is covered by it.
function dir_of(p) { sub(/\/[^\/]*$/, "", p); return p }
function broken(text) { print "line " NR ": " text; bad = 1 }
function move(from, to,   p, rest) {
    for (p in file_changed)
        if (p == from || index(p, from "/") == 1) {
            rest = to substr(p, length(from) + 1)
            file_changed[rest] = file_changed[p]; delete file_changed[p]
        }
    for (p in names_changed)
        if (p == from || index(p, from "/") == 1) {
            rest = to substr(p, length(from) + 1)
            names_changed[rest] = names_changed[p]; delete names_changed[p]
        }
}
function is_journal(p) { return p == TARGET "/.orthrus-restore" || (index(p, TARGET "/.orthrus-restore.") == 1 && length(p) == length(TARGET) + 24) }
function in_target(p) { return TARGET != "" && (p == TARGET || index(p, TARGET "/") == 1) && !is_journal(p) }
BEGIN { FS = "\t"; NEVER = 1e12 }
$1 == "begin" { began[$2] = NR }
# Changes of the target, but for its notes: when the last one ended, of all threads and of each.
$4 !~ /^(fsync|fdatasync|syncfs|sync_file_range|flock)$/ && (in_target($5) || in_target($6)) {
    if ($1 == "begin") under_way++
    if ($1 == "end") {
        under_way--
        if ($7 >= 0) {
            target_by[$3] = NR
            last_call = $4 " " $5
            # The mark is set while the last note is still there: either tells what the target is.
            if ($4 != "fsetxattr" || $5 != TARGET) target_changed = NR
        }
    }
}
TARGET != "" && $4 ~ /^rename/ && $6 == TARGET "/.orthrus-restore" {
    if ($1 == "begin") {
        notes++
        if (notes == 1 && (under_way > 0 || target_changed >= target_flushed)) broken("the first note gets its name, but the target is not on the disk")
        if (notes > 1 && noted >= target_flushed) broken("no flush of the target between two notes")
        if (target_by[$3] >= target_flushed) broken("a note gets its name, but what was written before it is not on the disk")
    }
    if ($1 == "end") noted = NR
}
TARGET != "" && $4 ~ /^unlink/ && $5 == TARGET "/.orthrus-restore" {
    if ($1 == "begin" && (under_way > 0 || target_changed >= target_flushed)) broken("the last note goes before the target is on the disk")
    if ($1 == "begin" && MARKED && last_call != "fsetxattr " TARGET) broken("the last note goes before the mark is set")
    if ($1 == "end" && $7 == 0) gone = NR
}
$1 == "begin" && $4 == "fremovexattr" && $5 == TARGET && gone {
    marks++
    # This very call is under way.
    if (under_way > 1 || target_changed >= target_flushed || gone >= target_flushed) broken("the mark goes before the target is on the disk")
}
$1 == "end" && $4 == "syncfs" && $5 == TARGET && $7 == 0 && began[$2] > target_flushed { target_flushed = began[$2] }
# Under way: no flush covers it until it ended.
$1 == "begin" && $4 ~ /^(write|pwrite64|writev|pwritev|pwritev2|ftruncate|truncate|fallocate|copy_file_range|fchmod|chmod|fchmodat|chown|lchown|fchown|fchownat|utimensat|setxattr|lsetxattr|fsetxattr|removexattr|lremovexattr|fremovexattr|ioctl)$/ {
    was[$2] = $5 in file_changed ? file_changed[$5] : 0
    file_changed[$5] = NEVER; writing[$5]++
}
$1 == "begin" && $4 ~ /^rename/ && $6 ~ /\/images\/[^\/]*\/[^.][^\/]*$/ && $5 ~ /\/\.new$/ {
    published++
    for (p in file_changed) broken("an image gets its name, but not on the disk is " p)
    for (p in names_changed) if (p != dir_of($6)) broken("an image gets its name, but not on the disk are the names in " p)
}
$1 == "begin" && $4 ~ /^rename/ && $5 !~ /\/\.new$/ && $6 !~ /\/\.deleted-[^\/]*$/ {
    named++
    if ($5 in file_changed) broken("it is not on the disk, but gets its name: " $6)
}
$1 == "begin" && $4 ~ /^unlink/ && $5 ~ /\/packs\/[0-9a-f]*\.(pack|idx)$/ {
    swept++
    for (p in names_changed) if (p ~ /\/images\//) broken("packs go before the deletion of their image is on the disk: " p)
}
$1 == "begin" && $4 ~ /^(unlink|unlinkat|rmdir)$/ && $5 ~ /\/\.deleted-/ {
    for (p in names_changed) if (p ~ /\/packs$/) broken("the mark of the deletion goes before the packs are away for good")
}
# An attribute that is not there or not known here: nothing was changed.
$1 == "end" && $4 ~ /xattr$/ && ($7 == -61 || $7 == -95) && writing[$5] == 1 && was[$2] != NEVER {
    delete writing[$5]; delete file_changed[$5]
    if (was[$2]) file_changed[$5] = was[$2]
    next
}
$1 == "end" && $7 < 0 { if ($5 in writing && --writing[$5] <= 0) { file_changed[$5] = NR; delete writing[$5] } ; next }
$1 != "end" { next }
$5 in writing && $4 !~ /^(fsync|fdatasync|syncfs|openat|open|flock)$/ { if (--writing[$5] <= 0) { file_changed[$5] = NR; delete writing[$5] } }
$4 ~ /^rename/ { names_changed[dir_of($5)] = NR; names_changed[dir_of($6)] = NR; move($5, $6) }
$4 ~ /^(mkdir|mkdirat|symlink|symlinkat|mknod|mknodat)$/ { names_changed[dir_of($5)] = NR }
# What is cleared away may come back, but for packs: the mark of the deletion must outlive them.
$4 ~ /^(unlink|unlinkat|rmdir)$/ {
    if (MODE == "tree" || $5 ~ /\/packs\/[0-9a-f]*\.(pack|idx)$/) names_changed[dir_of($5)] = NR
    delete file_changed[$5]; delete names_changed[$5]
}
$4 ~ /^link/ { names_changed[dir_of($6)] = NR }
# In KNOWN, a directory, what is opened was there before.
MODE == "tree" && $4 ~ /^open/ && dir_of($5) != KNOWN { names_changed[dir_of($5)] = NR }
$4 == "syncfs" {
    for (p in file_changed) if (file_changed[p] < began[$2]) delete file_changed[p]
    for (p in names_changed) if (names_changed[p] < began[$2]) delete names_changed[p]
}
$4 ~ /^(fsync|fdatasync)$/ {
    if ($5 in file_changed && file_changed[$5] < began[$2]) delete file_changed[$5]
    if ($5 in names_changed && names_changed[$5] < began[$2]) delete names_changed[$5]
}
END {
    for (p in file_changed) if (MODE == "tree") broken("not on the disk at the end: " p)
    for (p in names_changed) if (MODE == "tree" || (published && p ~ /\/images\/[^\/]*$/)) broken("not on the disk at the end: the names in " p)
    if (TARGET != "" && (!notes || notes < NOTES)) broken("the restore noted what is durable " notes + 0 " times only")
    if (MARKED && !marks) broken("the mark is left")
    if (TARGET != "" && !gone) broken("a note is left")
    print "named=" named + 0 " published=" published + 0 " swept=" swept + 0 (TARGET == "" ? "" : " notes=" notes + 0 " marks=" marks + 0)
    exit bad
}
