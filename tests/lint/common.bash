# SPDX-License-Identifier: GPL-2.0-or-later
# For the lints (source it): they look at the files git knows, print "file:line: what is wrong", and fail when they printed any.
TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD=${BUILD:-$TOP/build}
cd "$TOP" || exit 2

# The files of the project that are there, one a line; arguments are patterns as for git ls-files.
files() {
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -- "$@"
    else
        local p name=() # an unpacked tarball: what git would know, without what was built
        for p in "$@"; do name+=(-o -name "${p##*/}"); done
        find . -path './build*' -prune -o -type f \( -false "${name[@]}" \) -printf '%P\n' | sort
    fi | while IFS= read -r f; do [ -f "$f" ] && printf '%s\n' "$f"; done
}

# Files of C with comments blanked (line numbers stay) and strings kept, as "file:line:text".
code() {
    files "$@" | xargs -r perl -0777 -ne '
        my $f = $ARGV;
        s{("(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])*\x27)|(/\*.*?\*/|//[^\n]*)}{
            defined $1 ? $1 : do { my $c = $2; $c =~ s/[^\n]//g; $c }}gse;
        my $n = 0;
        for (split /\n/) { $n++; print "$f:$n:$_\n" if /\S/ }'
}

# Read complaints, print them, and end: 1 when there was one.
verdict() {
    local out
    out=$(cat)
    [ -n "$out" ] || exit 0
    printf '%s\n' "$out"
    exit 1
}
